import type { Ballot, Electorate, LeaseAnswer, LeaseRequest, LeaseSettings, VoteRequest } from '../../../protocol/leases.ts';
import { compareBallots, learn } from './acceptor.ts';
import { answeredInVersion, bereave, heard, isInformed, otherOf, type Company } from './bereaved.ts';
import { answerRequest } from './answer.ts';
import {
  isHeld,
  newCandidacy,
  resumedCandidacy,
  takeVerdict,
  tickCandidate,
  type Candidacy,
  type CandidateStep,
  type CandidateWorld,
} from './candidate.ts';
import {
  isProposalOver,
  nextElectorate,
  openProposal,
  takeProposalAnswer,
  type Elector,
  type Proposal,
  type ProposalStep,
} from './proposer.ts';
import type { IsConfirmedDead, VoterState, VoterStep } from './voter.ts';

export interface PartyOptions {
  settings: LeaseSettings;
  /** Of this peer, now: it grows with each start, and when the peer refutes its death. */
  incarnation: () => number;
  isDead: IsConfirmedDead;
  /** Uniform in [0, 1). */
  chance: () => number;
}

/** A request to one member; with its answer it is handed back. To ourselves, too: it is answered and written down like everybody else's. */
export interface Outgoing {
  to: string;
  request: LeaseRequest;
  /** Of a `vote`: what each verdict is about. */
  rounds: readonly { resource: string; number: number }[];
}

/** Everything one member does about leases: it votes, holds, and has the electorate changed. All calls take the time on the clock that counts suspend. */
export class LeaseParty {
  readonly #options: PartyOptions;
  readonly #candidacies = new Map<string, Candidacy>();
  #voter: VoterState;
  #proposal: Proposal | undefined;
  #ballotRound = 0;
  #proposeAt = 0;
  #revision = 0;
  /** Numbers of rounds that were used by candidacies which are over. */
  #rounds = 0;
  /** Of two electors: what the other one said. */
  #company: Company | undefined;
  #askAt = 0;

  constructor(voter: VoterState, options: PartyOptions) {
    this.#voter = voter;
    this.#options = options;
  }

  get voter(): VoterState {
    return this.#voter;
  }

  /** Grows with what must not be forgotten: before any answer leaves, the voter is on disk as of this revision or a later one. */
  get revision(): number {
    return this.#revision;
  }

  get electorate(): Electorate {
    return this.#voter.electorate;
  }

  /** Undefined: the pod is no candidate. */
  candidacy(resource: string, pod: string): Candidacy | undefined {
    const known = this.#candidacies.get(resource);
    return known?.pod === pod ? known : undefined;
  }

  candidacies(): readonly Candidacy[] {
    return [...this.#candidacies.values()];
  }

  holds(resource: string, pod: string, now: number): boolean {
    const known = this.candidacy(resource, pod);
    return known !== undefined && isHeld(known, now);
  }

  /** Makes the pod a candidate. Another pod's candidacy for the resource stays until that one is dropped. Undoes nothing that was lost. */
  want(resource: string, pod: string, now: number): void {
    if (!this.#candidacies.has(resource)) this.#candidacies.set(resource, newCandidacy(resource, pod, now, this.#rounds));
  }

  /** Takes up what this host held before the daemon was restarted. */
  resume(resource: string, pod: string, term: number, heldUntil: number, now: number): void {
    this.#candidacies.set(resource, resumedCandidacy(resource, pod, term, heldUntil, now));
  }

  /** No process of the pod is left, and none starts: its lease is given back. */
  drop(resource: string, pod: string): Outgoing[] {
    const known = this.candidacy(resource, pod);
    if (known === undefined) return [];
    this.#candidacies.delete(resource);
    this.#rounds = Math.max(this.#rounds, known.rounds);
    // Votes of the lease, and of a round under way that asked for more.
    return known.seenTerm === 0 ? [] : this.#toAll({ type: 'release', releases: [{ resource, pod, term: known.seenTerm }] });
  }

  /** A person or the founding says it, or a member that had it decided. */
  learn(electorate: Electorate, now: number): void {
    this.#step(learn(this.#voter, electorate, now));
  }

  handle(from: string, request: LeaseRequest, now: number): LeaseAnswer {
    const { settings, isDead } = this.#options;
    // Whatever it is about, it lives: only a word about a later incarnation says otherwise.
    const named = request.type === 'vote' ? request.incarnation : 'ballot' in request ? request.ballot.incarnation : undefined;
    if (named !== undefined && otherOf(this.#voter) === from) this.#company = heard(this.#company, from, named);
    const answer = this.#step(answerRequest(this.#voter, from, request, now, settings, isDead));
    return answer.type === 'verdicts' ? { ...answer, incarnation: this.#options.incarnation() } : answer;
  }

  /** @param electors those that should vote, where this member is the one to see to it */
  tick(now: number, electors: readonly Elector[] | undefined): Outgoing[] {
    const steps = [...this.#candidacies.values()].map((candidacy) => tickCandidate(candidacy, this.#world(now)));
    return [...this.#take(steps), ...this.#look(now), ...this.#propose(now, electors)];
  }

  /** The answer to what was sent. Silence is no event. */
  answered({ to, request, rounds }: Outgoing, answer: LeaseAnswer, now: number): Outgoing[] {
    if (answer.type === 'newer') this.learn(answer.electorate, now);
    if (answer.type === 'behind' && answer.version < this.electorate.version) return [this.#tell(to)];
    if (request.type === 'prepare' || request.type === 'accept') return this.#proposed(to, request, answer, now);
    if (request.type !== 'vote' || answer.type !== 'verdicts') return [];
    if (request.version === this.electorate.version) this.#note(to, answer.incarnation, now);
    const steps: CandidateStep[] = [];
    answer.verdicts.forEach((verdict, index) => {
      const round = rounds[index];
      const candidacy = round === undefined ? undefined : this.#candidacies.get(round.resource);
      if (round === undefined || candidacy === undefined) return;
      steps.push(takeVerdict(candidacy, round.number, to, verdict, this.#world(now)));
    });
    return this.#take(steps);
  }

  /** Of two electors: asks the other one until it is known to have learned so, and goes on without it when a person says that it is off. */
  #look(now: number): Outgoing[] {
    const other = otherOf(this.#voter);
    if (other === undefined) return [];
    const { settings, incarnation, isDead } = this.#options;
    const step = bereave(this.#voter, this.#company, isDead, now, settings);
    if (step !== undefined) this.#step(step);
    if (step !== undefined || isInformed(this.#voter, this.#company) || now < this.#askAt) return [];
    this.#askAt = now + settings.renewMs;
    const { version } = this.electorate;
    return [{ to: other, request: { type: 'vote', version, incarnation: incarnation(), dry: true, votes: [] }, rounds: [] }];
  }

  /** The peer has answered as a voter of our electorate, and answers leave when all is on disk. */
  #note(peer: string, incarnation: number | undefined, now: number): void {
    if (incarnation === undefined || otherOf(this.#voter) !== peer) return;
    this.#company = answeredInVersion(heard(this.#company, peer, incarnation), this.electorate.version, now);
  }

  #world(now: number): CandidateWorld {
    const { settings, chance } = this.#options;
    return { electorate: this.electorate, now, settings, chance: chance() };
  }

  /** Votes that go to one member with one aim travel together. */
  #take(steps: readonly CandidateStep[]): Outgoing[] {
    const asks = new Map<
      string,
      { to: string; dry: boolean; version: number; votes: VoteRequest[]; rounds: Outgoing['rounds'][number][] }
    >();
    const releases: VoteRequest[] = [];
    const { votesPerMessage } = this.#options.settings;
    for (const { candidacy, decisions } of steps) {
      this.#candidacies.set(candidacy.resource, candidacy);
      for (const decision of decisions) {
        if (decision.do === 'release') {
          releases.push(decision.release);
          continue;
        }
        const { dry, electorate, number } = decision.round;
        for (const to of decision.to) {
          let batch = `${to} ${dry} ${electorate.version}`;
          for (let part = 1; (asks.get(batch)?.votes.length ?? 0) >= votesPerMessage; part += 1)
            batch = `${to} ${dry} ${electorate.version} ${part}`;
          const ask = asks.get(batch) ?? { to, dry, version: electorate.version, votes: [], rounds: [] };
          ask.votes.push(decision.vote);
          ask.rounds.push({ resource: candidacy.resource, number });
          asks.set(batch, ask);
        }
      }
    }
    const incarnation = this.#options.incarnation();
    return [
      ...(releases.length > 0 ? this.#toAll({ type: 'release', releases }) : []),
      ...[...asks.values()].map(({ to, dry, version, votes, rounds }) => ({
        to,
        rounds,
        request: { type: 'vote', version, incarnation, dry, votes } as const,
      })),
    ];
  }

  #propose(now: number, electors: readonly Elector[] | undefined): Outgoing[] {
    const { settings, chance, incarnation } = this.#options;
    if (this.#proposal !== undefined && isProposalOver(this.#proposal, now, settings)) this.#endProposal(undefined, now);
    if (electors === undefined || this.#proposal !== undefined || now < this.#proposeAt || this.electorate.version === 0) return [];
    const members = nextElectorate(this.electorate, electors, settings);
    // Nobody takes part any sooner.
    const settledAt = this.electorate.version <= 1 ? 0 : this.#voter.learnedAt + settings.settleMs;
    if (members === undefined || now < settledAt) return [];
    this.#proposeAt = now + settings.retryMs * (1 + chance());
    this.#ballotRound += 1;
    const ballot = { round: this.#ballotRound, peer: this.#voter.self, incarnation: incarnation() };
    return this.#carryOn(openProposal(this.electorate, members, ballot, now), now);
  }

  /** What was answered to an earlier ballot says nothing of this one. */
  #proposed(from: string, asked: Extract<LeaseRequest, { ballot: Ballot }>, answer: LeaseAnswer, now: number): Outgoing[] {
    const proposal = this.#proposal;
    if (proposal === undefined || proposal.before.version + 1 !== asked.version || compareBallots(proposal.ballot, asked.ballot) !== 0)
      return [];
    return this.#carryOn(takeProposalAnswer(proposal, asked.type, from, answer), now);
  }

  #step({ state, answer, persist }: VoterStep): LeaseAnswer {
    this.#voter = state;
    if (persist) this.#revision += 1;
    return answer;
  }

  #carryOn(step: ProposalStep, now: number): Outgoing[] {
    if (step.is === 'failed') {
      this.#endProposal(step.outbidBy?.round, now);
      return [];
    }
    if (step.is === 'open') {
      this.#proposal = step.proposal;
      const { send } = step;
      return send === undefined ? [] : step.proposal.before.members.map((to) => ({ to, request: send, rounds: [] }));
    }
    const { electorate } = step;
    const told = new Set([...(this.#proposal?.before.members ?? []), ...electorate.members]);
    this.#endProposal(undefined, now);
    return [...told].map((to) => ({ to, request: { type: 'learn', electorate }, rounds: [] }));
  }

  #endProposal(outbidRound: number | undefined, now: number): void {
    const { settings, chance } = this.#options;
    this.#proposal = undefined;
    this.#ballotRound = Math.max(this.#ballotRound, outbidRound ?? 0);
    this.#proposeAt = now + settings.retryMs * (1 + chance());
  }

  #tell(to: string): Outgoing {
    return { to, request: { type: 'learn', electorate: this.electorate }, rounds: [] };
  }

  #toAll(request: LeaseRequest): Outgoing[] {
    return this.electorate.members.map((to) => ({ to, request, rounds: [] }));
  }
}
