import { randomBytes } from 'node:crypto';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer as createPlainServer } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBeatKeyPair } from '../../../daemon/adapters/identity/beat-keys.ts';
import {
  parsePrivateKey,
  peerIdOfPublicKey,
  privateKeyOfSeed,
  signer,
  verifySignature,
} from '../../../daemon/adapters/identity/signatures.ts';
import { joinCluster } from '../../../daemon/adapters/joining/join.ts';
import { systemClock } from '../../../daemon/adapters/system/clock.ts';
import {
  clusterIdOf,
  createClusterCa,
  issueClientCertificate,
  issueServerCertificate,
  rootHash,
} from '../../../daemon/adapters/x509/certificates.ts';
import type { ClusterCa, KeyedCertificate } from '../../../daemon/adapters/x509/certificates.ts';
import { createJoinHandler } from '../../../daemon/peer/joining.ts';
import type { JoinHandler, JoinHandlerDeps } from '../../../daemon/peer/joining.ts';
import type { Identity } from '../../../daemon/ports/identity.ts';
import { encodeJoinToken } from '../../../protocol/token.ts';
import type { JoinToken } from '../../../protocol/token.ts';
import type { JoinTokenSpec, MemberSpec } from '../../../protocol/types.ts';
import { silentLog } from '../../support/libp2p-world.ts';

function identity(): Identity {
  const { seed, publicKey } = parsePrivateKey(privateKeyOfSeed(randomBytes(32)))!;
  return { peer: peerIdOfPublicKey(publicKey), sign: signer(seed) };
}

function memberOf({ peer }: Identity, nodeName: string): MemberSpec {
  return {
    peerId: peer,
    nodeName,
    peerAddresses: ['/ip4/127.0.0.1/tcp/7420'],
    beatAddresses: ['127.0.0.1:7420'],
    apiAddresses: ['https://127.0.0.1:6443'],
    beatKey: createBeatKeyPair().publicKey,
    admittedBy: '',
  };
}

let ca: ClusterCa;
let otherCa: ClusterCa;
let certificate: KeyedCertificate;
beforeAll(async () => {
  ca = await createClusterCa('one', Date.now());
  otherCa = await createClusterCa('other', Date.now());
  certificate = await issueServerCertificate(ca, { names: ['node-1'], addresses: ['127.0.0.1'] }, Date.now());
});

/** A member's API with nothing but the join endpoint, and the cluster behind it. */
class TestCluster {
  readonly founder = identity();
  readonly members: MemberSpec[] = [memberOf(this.founder, 'node-1')];
  readonly tokens = new Map<string, JoinTokenSpec>();
  readonly #servers: { close(): unknown; closeAllConnections?: () => void }[] = [];
  admitDelayed: Promise<void> = Promise.resolve();

  deps(changes: Partial<JoinHandlerDeps> = {}): JoinHandlerDeps {
    return {
      clock: systemClock,
      log: silentLog,
      verify: verifySignature,
      self: this.founder.peer,
      cluster: () => ({ clusterId: clusterIdOf(ca.certificate), caCertificate: ca.certificate, caKey: ca.key }),
      token: (id) => this.tokens.get(id),
      members: () => this.members,
      admit: async (member, tokenId) => {
        await this.admitDelayed;
        if (!this.members.some(({ peerId }) => peerId === member.peerId)) this.members.push(member);
        this.tokens.set(tokenId, { ...this.tokens.get(tokenId)!, usedBy: member.peerId });
        return [...this.members];
      },
      ...changes,
    };
  }

  /** Serves the handler over TLS; resolves to its address. */
  async serve(handler: JoinHandler = createJoinHandler(this.deps()), tls: KeyedCertificate = certificate): Promise<string> {
    const server: Server = createServer(
      { cert: tls.certificate, key: tls.key, requestCert: true, rejectUnauthorized: false },
      (message, reply) => {
        const socket = message.socket as TLSSocket;
        const chunks: Buffer[] = [];
        message.on('data', (chunk: Buffer) => chunks.push(chunk));
        message.on('end', () => {
          const session = {
            remoteAddress: `${socket.remoteAddress}:${socket.remotePort}`,
            exporter: (label: string, length: number) => socket.exportKeyingMaterial(length, label, Buffer.alloc(0)),
          };
          void handler(JSON.parse(Buffer.concat(chunks).toString()), session).then(({ status, body }) => {
            reply.writeHead(status, { 'content-type': 'application/json' });
            reply.end(JSON.stringify(body));
          });
        });
      },
    );
    return this.listen(server, 'https');
  }

  async listen(server: Server | ReturnType<typeof createPlainServer>, scheme: string): Promise<string> {
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** A token in the desired state, and its text with `changes`. */
  token(addresses: string[], changes: Partial<JoinToken> = {}): string {
    const secret = new Uint8Array(randomBytes(16));
    const expiresAt = Date.now() + 60_000;
    const id = `t${this.tokens.size}abc`;
    this.tokens.set(id, { secret: Buffer.from(secret).toString('base64url'), expiresAt: new Date(expiresAt).toISOString() });
    return encodeJoinToken({ rootHash: rootHash(ca.certificate), id, secret, expiresAt, addresses, ...changes });
  }

  stop(): void {
    for (const server of this.#servers) {
      server.closeAllConnections?.();
      server.close();
    }
  }
}

describe('joining over TLS', () => {
  let cluster: TestCluster;
  let joiner: Identity;
  let member: MemberSpec;
  beforeEach(() => {
    cluster = new TestCluster();
    joiner = identity();
    member = memberOf(joiner, 'node-2');
  });
  afterEach(() => cluster.stop());
  const join = (token: string, as = joiner, spec = member) =>
    joinCluster({ identity: as, clock: systemClock, log: silentLog }, { token, member: spec });
  const refusal = (code: string, words: RegExp) => ({
    code: 'JoinRefused',
    details: { code },
    message: expect.stringMatching(words) as string,
  });

  it('brings the cluster keys and all members, and uses the token up', async () => {
    const token = cluster.token([await cluster.serve()]);
    const joined = await join(token);
    expect(joined).toEqual({
      clusterId: clusterIdOf(ca.certificate),
      caCertificate: ca.certificate,
      caKey: ca.key,
      members: [cluster.members[0], { ...member, admittedBy: cluster.founder.peer }],
    });
    expect([...cluster.tokens.values()][0]?.usedBy).toBe(joiner.peer);
  });

  it('may be repeated by the same peer whose answer got lost, and by nobody else', async () => {
    const token = cluster.token([await cluster.serve()]);
    await join(token);
    expect((await join(token)).members.length).toBe(2);
    const other = identity();
    await expect(join(token, other, memberOf(other, 'node-3'))).rejects.toMatchObject(refusal('TokenUsed', /used already.*kith token/));
    expect(cluster.members.length).toBe(2);
  });

  it('lets one of two in that use a token at the same moment', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    cluster.admitDelayed = promise;
    const token = cluster.token([await cluster.serve()]);
    const other = identity();
    const first = join(token).then(() => 'joined', String);
    const second = join(token, other, memberOf(other, 'node-3')).then(() => 'joined', String);
    const loser = await Promise.race([first, second]);
    resolve();
    const outcomes = await Promise.all([first, second]);
    expect(loser).toMatch(/used already/);
    expect(outcomes.filter((outcome) => outcome === 'joined').length).toBe(1);
    expect(cluster.members.length).toBe(2);
  });

  it('tries the addresses in turn', async () => {
    const elsewhere = await new TestCluster().listen(
      createPlainServer((socket) => socket.destroy()),
      'https',
    );
    const token = cluster.token(['https://127.0.0.1:1', elsewhere, await cluster.serve()]);
    expect((await join(token)).members.length).toBe(2);
  });

  it('says what it tried when nobody can be reached', async () => {
    const token = cluster.token(['https://127.0.0.1:1']);
    await expect(join(token)).rejects.toMatchObject({
      code: 'JoinUnreachable',
      message: expect.stringMatching(/127\.0\.0\.1:1.*refused.*API port/) as string,
    });
  });

  it('is refused when the token has expired by the cluster’s clock', async () => {
    const later = { ...systemClock, now: () => Date.now() + 120_000 };
    const token = cluster.token([await cluster.serve(createJoinHandler(cluster.deps({ clock: later })))]);
    await expect(join(token)).rejects.toMatchObject(refusal('TokenExpired', /expired at .*kith token/));
  });

  it('is refused with a wrong secret, or a token nobody knows', async () => {
    const address = await cluster.serve();
    await expect(join(cluster.token([address], { secret: new Uint8Array(16) }))).rejects.toMatchObject(
      refusal('WrongSecret', /secret is wrong/),
    );
    await expect(join(cluster.token([address], { id: 'unknown' }))).rejects.toMatchObject(refusal('UnknownToken', /no such token/));
    expect(cluster.members.length).toBe(1);
  });

  it('is given up before anything is said when the server is of another cluster', async () => {
    let asked = 0;
    const foreign = await issueServerCertificate(otherCa, { names: [], addresses: ['127.0.0.1'] }, Date.now());
    const address = await cluster.serve(async () => {
      asked++;
      return { status: 500, body: { code: 'Malformed', reason: '' } };
    }, foreign);
    await expect(join(cluster.token([address]))).rejects.toMatchObject(refusal('NotTheCluster', /of another cluster/));
    expect(asked).toBe(0);
  });

  it('is given up when the server shows the right root but was not issued by it, or only as a client', async () => {
    const foreign = await issueServerCertificate(otherCa, { names: [], addresses: ['127.0.0.1'] }, Date.now());
    const leafOnly = foreign.certificate.split('-----END CERTIFICATE-----')[0]!;
    const grafted = { key: foreign.key, certificate: `${leafOnly}-----END CERTIFICATE-----\n${ca.certificate}` };
    await expect(join(cluster.token([await cluster.serve(undefined, grafted)]))).rejects.toMatchObject({
      code: 'JoinRefused',
      details: { code: 'NotTheCluster' },
    });
    const client = await issueClientCertificate(ca, { user: 'mallory', groups: [] }, Date.now());
    await expect(join(cluster.token([await cluster.serve(undefined, client)]))).rejects.toMatchObject(
      refusal('NotTheCluster', /not issued to a server/),
    );
    expect(cluster.members.length).toBe(1);
  });

  it('is given up when the server cannot prove the secret or sends other keys', async () => {
    const real = createJoinHandler(cluster.deps());
    const tampered: JoinHandler = async (body, session) => {
      const answer = await real(body, session);
      return { ...answer, body: { ...answer.body, members: [] } };
    };
    await expect(join(cluster.token([await cluster.serve(tampered)]))).rejects.toMatchObject(refusal('NotTheCluster', /cannot prove/));
    const otherKeys = () => ({ clusterId: clusterIdOf(otherCa.certificate), caCertificate: otherCa.certificate, caKey: otherCa.key });
    const deceived = createJoinHandler(cluster.deps({ cluster: otherKeys }));
    await expect(join(cluster.token([await cluster.serve(deceived)]))).rejects.toMatchObject(
      refusal('NotTheCluster', /do not belong together/),
    );
  });

  it('cannot be passed on by somebody in the middle', async () => {
    const seen: unknown[] = [];
    const token = cluster.token([
      await cluster.serve(async (body) => {
        seen.push(body);
        return { status: 503, body: { code: 'Unavailable', reason: 'come later' } };
      }),
    ]);
    await expect(join(token)).rejects.toMatchObject(refusal('Unavailable', /come later/));
    const replayed = await createJoinHandler(cluster.deps())(seen[0], { remoteAddress: '10.0.0.9:1', exporter: () => new Uint8Array(32) });
    expect(replayed).toMatchObject({ status: 403, body: { code: 'WrongSecret' } });
  });

  it('under the peer id of another is refused', async () => {
    const victim = identity();
    const token = cluster.token([await cluster.serve()]);
    await expect(join(token, joiner, memberOf(victim, 'node-2'))).rejects.toMatchObject(refusal('WrongSignature', /not signed by the key/));
  });

  it('under a name that is taken or none is refused, and says which flag to use', async () => {
    const address = await cluster.serve();
    await expect(join(cluster.token([address]), joiner, memberOf(joiner, 'node-1'))).rejects.toMatchObject(
      refusal('NameTaken', /"node-1".*--node-name/),
    );
    await expect(join(cluster.token([address]), joiner, memberOf(joiner, 'Node 2'))).rejects.toMatchObject(
      refusal('BadName', /--node-name/),
    );
  });

  it('is refused when the server speaks another version', async () => {
    const newer: JoinHandler = (body, session) => createJoinHandler(cluster.deps())({ ...(body as object), version: 2 }, session);
    await expect(join(cluster.token([await cluster.serve(newer)]))).rejects.toMatchObject(refusal('UnknownVersion', /version/));
  });

  it('is refused for a while after too many attempts', async () => {
    const token = cluster.token([await cluster.serve()], { secret: new Uint8Array(16) });
    let last: unknown;
    for (let attempt = 0; attempt < 31; attempt++) last = await join(token).catch((error: unknown) => error);
    expect(last).toMatchObject(refusal('TooManyAttempts', /wait a minute/));
  });

  it('is refused, and may be tried again, when the member cannot be written', async () => {
    let broken = true;
    const deps = cluster.deps();
    const admit: JoinHandlerDeps['admit'] = (spec, id) => (broken ? Promise.reject(new Error('the disk is full')) : deps.admit(spec, id));
    const token = cluster.token([await cluster.serve(createJoinHandler({ ...deps, admit }))]);
    await expect(join(token)).rejects.toMatchObject(refusal('Unavailable', /disk is full/));
    broken = false;
    expect((await join(token)).members.length).toBe(2);
  });

  it('stops when asked to', async () => {
    const silent = await cluster.listen(
      createPlainServer(() => {}),
      'https',
    );
    const controller = new AbortController();
    const joining = joinCluster(
      { identity: joiner, clock: systemClock, log: silentLog },
      { token: cluster.token([silent]), member, signal: controller.signal },
    );
    controller.abort(new Error('never mind'));
    await expect(joining).rejects.toThrow('never mind');
  });
});

describe('the join handler', () => {
  it('needs TLS', async () => {
    const cluster = new TestCluster();
    const { status, body } = await createJoinHandler(cluster.deps())({}, { remoteAddress: '' });
    expect(status).toBe(400);
    expect(body).toMatchObject({ reason: expect.stringContaining('https') as string });
  });
});
