/**
 * Leases, as this peer takes part in them: carries requests and answers between core/leases and the members, ticks, and writes down what must not be forgotten before any
 * answer leaves. It decides nothing. Who holds what here is for the warden (warden.ts).
 */
import { KithError } from '../../../protocol/errors.ts';
import { leaseSettings, type Electorate, type LeaseAnswer, type LeaseSettings } from '../../../protocol/leases.ts';
import { decodeLeaseAnswer, decodeLeaseRequest, encodeLeaseAnswer, encodeLeaseRequest } from '../../../protocol/wire-leases.ts';
import { LeaseParty, type Outgoing } from '../../core/leases/party.ts';
import type { Elector } from '../../core/leases/proposer.ts';
import { voterOfRecord, voterRecord } from '../../core/leases/record.ts';
import { initialVoter, type IsConfirmedDead, type VoterState } from '../../core/leases/voter.ts';
import type { CancelTimer, Clock, Random } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Transport } from '../../ports/transport.ts';
import type { BootClock, VoteBook } from '../../ports/vote-book.ts';

/** Between two looks at the time while somebody here is a candidate, … */
const BUSY_TICK_MS = 100;
/** … and while nobody is. */
const IDLE_TICK_MS = 1_000;
/** A candidate that won nothing asks some member, elector or not, for the newest electorate so often. */
const INQUIRY_MS = 2_000;

export interface VotingDeps {
  transport: Transport;
  book: VoteBook;
  bootClock: BootClock;
  clock: Clock;
  random: Random;
  log: Log;
  /** Members that desired state names, where this peer leads and knows them all; else undefined. */
  electors(): readonly Elector[] | undefined;
  isConfirmedDead: IsConfirmedDead;
}

export interface VotingOptions {
  /** Of this peer, now. */
  incarnation: () => number;
  settings?: LeaseSettings;
}

export class Voting {
  readonly #deps: VotingDeps;
  readonly #options: VotingOptions;
  readonly #settings: LeaseSettings;
  readonly #listeners = new Set<() => void>();
  #party: LeaseParty;
  #abort = new AbortController();
  #cancelTick: CancelTimer = () => undefined;
  #saved = 0;
  #saving: Promise<void> | undefined;
  #inquireAt = 0;
  #served = false;

  constructor(deps: VotingDeps, options: VotingOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#settings = options.settings ?? leaseSettings;
    this.#party = this.#newParty(initialVoter(deps.transport.self, 0));
  }

  get electorate(): Electorate {
    return this.#party.electorate;
  }

  get party(): LeaseParty {
    return this.#party;
  }

  get settings(): LeaseSettings {
    return this.#settings;
  }

  now(): number {
    return this.#deps.bootClock();
  }

  /** Called whenever a lease may have been won, renewed or lost. */
  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param founder this peer founded the cluster: the first electorate is itself */
  async start(signal: AbortSignal, { founder }: { founder: boolean }): Promise<void> {
    this.#abort = new AbortController();
    signal.addEventListener('abort', () => this.stop(), { once: true });
    this.#party = this.#newParty(await this.#recall(founder));
    if (!this.#served) this.#deps.transport.serve('leases', (from, payload) => this.#answer(from, payload));
    this.#served = true;
    this.#tick();
  }

  stop(): void {
    this.#cancelTick();
    this.#abort.abort(new KithError('Stopped', 'the daemon stops'));
  }

  /** A candidate came, or went: there is no need to wait for the next look. */
  wake(): void {
    if (!this.#abort.signal.aborted) this.#tick();
  }

  send(outgoing: readonly Outgoing[]): void {
    for (const one of outgoing) void this.#ask(one);
  }

  #newParty(voter: VoterState): LeaseParty {
    const { isConfirmedDead, random } = this.#deps;
    const { incarnation } = this.#options;
    return new LeaseParty(voter, { settings: this.#settings, incarnation, isDead: isConfirmedDead, chance: () => random.next() });
  }

  /** What is known here once all who are connected have said what they know, or a round is over: who does not vote need not have heard of those that do. */
  async newestElectorate(): Promise<Electorate> {
    await Promise.all(this.#deps.transport.connected().map(async (to) => this.#ask(this.#inquiry(to))));
    return this.electorate;
  }

  /** Whoever knows a newer electorate answers with it. */
  #inquiry(to: string): Outgoing {
    const request = {
      type: 'vote',
      version: this.electorate.version,
      incarnation: this.#options.incarnation(),
      dry: true,
      votes: [],
    } as const;
    return { to, request, rounds: [] };
  }

  /** A voter that can't remember is none: under a name that no electorate has, it refuses every vote. */
  async #recall(founder: boolean): Promise<VoterState> {
    const { book, transport, log } = this.#deps;
    const now = this.now();
    try {
      const record = await book.load();
      if (record !== undefined) return voterOfRecord(transport.self, record, now);
    } catch (error) {
      log.error('This host does not vote', { error });
      return initialVoter(`damaged ${transport.self}`, now);
    }
    const voter = initialVoter(transport.self, now);
    if (!founder) return voter;
    const founded = { ...voter, electorate: { version: 1, members: [transport.self] } };
    await book.save(voterRecord(founded));
    return founded;
  }

  #tick(): void {
    this.#cancelTick();
    if (this.#abort.signal.aborted) return;
    const outgoing = this.#party.tick(this.now(), this.#deps.electors());
    this.#inquire();
    this.send(outgoing);
    const busy = this.#party.candidacies().length > 0 || outgoing.length > 0;
    this.#cancelTick = this.#deps.clock.after(busy ? BUSY_TICK_MS : IDLE_TICK_MS, () => this.#tick());
    this.#tell();
  }

  /** Those who knew the electorate that is known here may all be gone. */
  #inquire(): void {
    const now = this.now();
    if (now < this.#inquireAt) return;
    this.#inquireAt = now + INQUIRY_MS;
    if (!this.#party.candidacies().some((candidacy) => candidacy.heldUntil === undefined)) return;
    const connected = this.#deps.transport.connected();
    const to = connected[Math.floor(this.#deps.random.next() * connected.length)];
    if (to !== undefined) this.send([this.#inquiry(to)]);
  }

  async #ask(outgoing: Outgoing): Promise<void> {
    const { transport, log } = this.#deps;
    try {
      const answer = outgoing.to === transport.self ? await this.#answerOwn(outgoing) : await this.#request(outgoing);
      if (this.#abort.signal.aborted) return;
      const more = this.#party.answered(outgoing, answer, this.now());
      await this.#persisted();
      this.#tell();
      this.send(more);
    } catch (error) {
      if (!this.#abort.signal.aborted)
        log.debug('A member did not answer about leases', { peer: outgoing.to, type: outgoing.request.type, error });
    }
  }

  async #request({ to, request }: Outgoing): Promise<LeaseAnswer> {
    const options = { timeoutMs: this.#settings.roundMs, signal: this.#abort.signal };
    return decodeLeaseAnswer(await this.#deps.transport.request(to, 'leases', encodeLeaseRequest(request), options));
  }

  async #answerOwn({ to, request }: Outgoing): Promise<LeaseAnswer> {
    const answer = this.#party.handle(to, request, this.now());
    await this.#persisted();
    return answer;
  }

  async #answer(from: string, payload: Uint8Array): Promise<Uint8Array> {
    const { electorate } = this.#party;
    const answer = this.#party.handle(from, decodeLeaseRequest(payload), this.now());
    // Of two each asks the other at once: who is lost before it has answered can not be gone on without.
    if (this.#party.electorate !== electorate) this.wake();
    await this.#persisted();
    return encodeLeaseAnswer(answer);
  }

  /** Resolves once all that was decided so far is on disk. One write at a time; what comes meanwhile shares the next one. */
  async #persisted(): Promise<void> {
    const wanted = this.#party.revision;
    while (this.#saved < wanted) {
      this.#saving ??= this.#save().finally(() => (this.#saving = undefined));
      await this.#saving;
    }
  }

  async #save(): Promise<void> {
    const { revision, voter } = this.#party;
    await this.#deps.book.save(voterRecord(voter));
    this.#saved = revision;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
