import { ADDRESS_TIMEOUT_MS, joinCluster, refusalOf } from '../../daemon/adapters/joining/join.ts';
import type { JoinDeps, JoinedCluster } from '../../daemon/adapters/joining/join.ts';
import type { HttpConnection, HttpResponse } from '../../daemon/ports/http.ts';
import type { TokenAnswer } from '../../protocol/answers.ts';
import { KithError } from '../../protocol/errors.ts';
import { JOIN_EXPORTER_BYTES, JOIN_PATH, joinAnswerMac, macsEqual, proveJoinRequest } from '../../protocol/joining.ts';
import type { JoinAnswer, JoinRequest } from '../../protocol/joining.ts';
import type { JoinToken } from '../../protocol/token.ts';
import type { MemberSpec } from '../../protocol/types.ts';
import { fakeIdentity } from '../support/liveness-world.ts';
import { jsonOf } from '../support/peer-daemon.ts';
import { HostClock } from '../support/virtual-clock.ts';
import type { Storm } from './host-acts.ts';
import type { SimDaemon, SimHost } from './host.ts';
import type { Act } from './scenario.ts';
import type { Users } from './users.ts';
import type { SimWorld } from './world.ts';

/** A member that dies meanwhile lets nobody in. */
const GIVEN_UP_MS = 15_000;
/** Until a kithd that could not join, or died, is started again. */
const AGAIN_MS = 1_000;
/** A person gives up then. */
const ATTEMPTS = 20;
/** Draws of what befalls a host that joins, by host. */
const JOINERS = 3_000;
/** Of those that join so many die meanwhile. */
const DYING = 0.25;
/** A packet that does not pass is sent again after this, and more and more seldom. */
const RESENT_MS = { first: 200, most: 5_000 };

/** What a joiner has of its person. */
interface Admittance {
  token: string;
}

/**
 * Hosts that join: somebody asks a member for a token, and kithd is started with it on the new host, by a supervisor, until it is in. It asks the members that the token names as the
 * product does (`joinCluster`), over ways that are those of the network; who is asked judges and admits as the product does. Only TLS is missing.
 */
export class Joining {
  private readonly world: SimWorld;
  private readonly storm: Storm;
  private readonly users: Users;
  private readonly open = new Set<Promise<void>>();
  /** Given out last. */
  private last: Admittance | undefined;
  private readonly admittances = new Map<SimHost, Admittance>();

  constructor(world: SimWorld, storm: Storm, users: Users) {
    this.world = world;
    this.storm = storm;
    this.users = users;
  }

  /** Resolves once all that join are in, or were given up. */
  async settled(): Promise<void> {
    await Promise.all(this.open);
  }

  /** @param prepare is called with the new host */
  join(act: Extract<Act, { do: 'join' }>, prepare: (host: SimHost) => void): void {
    const member = this.world.running().find(({ index, daemon }) => index >= act.by && daemon.peer.view.complete);
    if (member === undefined) return;
    const host = this.world.addHost();
    // It counts once it is let in.
    host.isGone = true;
    prepare(host);
    this.keep(this.letIn(host, member, act));
  }

  /** A host that was removed asks once more, with the token that let it in. */
  rejoin(host: SimHost): void {
    const admittance = this.admittances.get(host);
    if (host.isGone && admittance !== undefined) this.keep(this.ask(host, admittance).then(() => undefined));
  }

  private keep(joining: Promise<void>): void {
    const givenUp = new Promise<void>((resolve) => this.world.clock.after(GIVEN_UP_MS, resolve));
    const open = Promise.race([joining, givenUp]).finally(() => this.open.delete(open));
    this.open.add(open);
  }

  private async letIn(host: SimHost, member: SimHost, { ttlSeconds, token, waitMs = 0 }: Extract<Act, { do: 'join' }>): Promise<void> {
    const admittance = token === 'last' ? this.last : await this.tokenOf(member, ttlSeconds);
    if (admittance === undefined) return;
    this.admittances.set(host, admittance);
    await this.pass(waitMs);
    const draw = this.world.draw.aside(JOINERS + host.index);
    let diesAfterMs = draw.chance(DYING) ? draw.duration(1, 2_000) : undefined;
    for (let attempts = 0; attempts === 0 || (attempts < ATTEMPTS && !this.storm.isCalm); attempts += 1) {
      const joined = await this.ask(host, admittance, diesAfterMs);
      diesAfterMs = undefined;
      if (joined !== undefined) return this.enter(host, joined);
      await this.pass(AGAIN_MS);
    }
  }

  private async enter(host: SimHost, { members }: JoinedCluster): Promise<void> {
    host.admittedBy = members.find(({ peerId }) => peerId === host.id)?.admittedBy ?? '';
    host.isGone = false;
    host.enter(members);
    await this.world.boot(host);
  }

  /** What `kith token` prints. */
  private async tokenOf({ index }: SimHost, ttlSeconds: number | undefined): Promise<Admittance | undefined> {
    const body = ttlSeconds === undefined ? {} : { ttlSeconds };
    const answer = await this.users.ask(index, { method: 'POST', target: '/kith.dev/v1/tokens', body, what: 'make a token' });
    if (answer?.status !== 201) return undefined;
    this.last = { token: (jsonOf(answer) as TokenAnswer).token };
    return this.last;
  }

  /** One run of kithd on the new host. @returns undefined when it ended without having joined */
  private async ask(host: SimHost, { token }: Admittance, diesAfterMs?: number): Promise<JoinedCluster | undefined> {
    const { clock, timeline, faults } = this.world;
    const own = new HostClock(clock);
    const died = Promise.withResolvers<undefined>();
    if (diesAfterMs !== undefined)
      own.after(diesAfterMs, () => {
        own.kill();
        died.resolve(undefined);
      });
    const member = host.spec('');
    const deps = { identity: fakeIdentity(host.id), clock: own, log: this.world.logOf(host.node) };
    const joining = joinCluster(deps, { token, member }, async (each, address, shown, spec) =>
      this.askAt(host, each, address, shown, spec),
    );
    const told = joining.catch((error: unknown) => {
      timeline.add(host.node, `can't join: ${error instanceof Error ? error.message : String(error)}`);
      if (error instanceof KithError && error.code === 'JoinRefused') faults.note('joinRefused');
      return undefined;
    });
    const joined = await Promise.race([told, died.promise]);
    if (joined === undefined && own['dead']) {
      faults.note('diedJoining');
      timeline.add(host.node, 'kithd dies while it joins');
    }
    own.kill();
    return joined;
  }

  /** As `joinAt`, without TLS: both ends have the same keying material, and the cluster no certificate. */
  private async askAt(
    host: SimHost,
    { clock, identity }: JoinDeps,
    address: string,
    token: JoinToken,
    member: MemberSpec,
  ): Promise<JoinedCluster> {
    const to = this.world.hosts.find(({ apiAddress }) => apiAddress === address);
    const exporter = new Uint8Array(JOIN_EXPORTER_BYTES).fill(host.index % 256);
    const request = proveJoinRequest(token, exporter, member, (bytes) => identity.sign(bytes));
    const timedOut = new Promise<never>((_, reject) =>
      clock.after(ADDRESS_TIMEOUT_MS, () => reject(new Error(`no answer within ${ADDRESS_TIMEOUT_MS} ms`))),
    );
    const { status, body } = await Promise.race([timedOut, this.post(host, to, request, exporter)]);
    if (status !== 200) throw refusalOf(address, status, body);
    const answer = body as JoinAnswer;
    if (!macsEqual(answer.mac, joinAnswerMac(token.secret, exporter, request.mac, answer))) throw new Error('the answer is not proved');
    return answer;
  }

  private async post(
    from: SimHost,
    to: SimHost | undefined,
    request: JoinRequest,
    exporter: Uint8Array,
  ): Promise<{ status: number; body: unknown }> {
    if (to === undefined) throw new Error('there is no such host');
    await this.carry(from, to);
    const { daemon } = to;
    if (daemon === undefined) return to.hasPower ? Promise.reject(new Error('connection refused')) : new Promise(() => undefined);
    const answered = this.world.onJoinAsked.flatMap((listener) => listener(to, from, request));
    const response = await this.serve(to, daemon, request, { remoteAddress: `${from.id}:1`, exporter: () => exporter });
    for (const listener of answered) this.world.guard(() => listener(response.status));
    await this.carry(to, from);
    return { status: response.status, body: jsonOf(response) };
  }

  /** When the daemon dies, its kernel says so; a host without power says nothing. */
  private async serve(
    to: SimHost,
    daemon: SimDaemon,
    request: JoinRequest,
    connection: Pick<HttpConnection, 'remoteAddress' | 'exporter'>,
  ): Promise<HttpResponse> {
    const payload = new TextEncoder().encode(JSON.stringify(request));
    let isAnswered = false;
    const answering = new Promise<HttpResponse>((resolve, reject) => {
      daemon.clock.run(() => {
        const asked = daemon.api.handle({
          method: 'POST',
          path: JOIN_PATH,
          query: new URLSearchParams(),
          headers: { 'content-type': 'application/json', 'content-length': String(payload.byteLength) },
          connection: { credential: { type: 'none' }, ...connection },
          body: async () => payload,
          signal: new AbortController().signal,
        });
        asked.then(resolve, reject);
      });
    }).finally(() => (isAnswered = true));
    const resetting = async (): Promise<never> => {
      while (!isAnswered && (to.daemon === daemon || !to.hasPower)) await this.pass(RESENT_MS.first);
      return isAnswered ? new Promise(() => undefined) : Promise.reject(new Error('connection reset'));
    };
    return Promise.race([answering, resetting()]);
  }

  /** A packet, sent again until it passes. */
  private async carry(from: SimHost, to: SimHost): Promise<void> {
    const { network } = this.world;
    for (let again = RESENT_MS.first; !network.passes(from.id, to.id) || to.isPaused; again = Math.min(2 * again, RESENT_MS.most))
      await this.pass(again);
    await this.pass(network.roundTripMs(from.id, to.id) / 2);
  }

  private async pass(ms: number): Promise<void> {
    return new Promise((resolve) => this.world.clock.after(ms, resolve));
  }
}
