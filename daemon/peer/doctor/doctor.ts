/**
 * Asks every node what it finds wrong with itself, compares what they tell, and answers the others likewise. It changes nothing and decides nothing (core/doctor/); what a host
 * tells is bounded, and one that does not answer is a finding.
 */
import { KithError } from '../../../protocol/errors.ts';
import type { DoctorAnswer, DoctorNodeRow, DoctorReply, DoctorRequest, Examination, Finding } from '../../../protocol/doctor.ts';
import { DOCTOR_CHECKS } from '../../../protocol/doctor.ts';
import {
  decodeDoctorReply,
  decodeDoctorRequest,
  encodeDoctorReply,
  encodeDoctorRequest,
  MAX_FINDING_CHARS,
  MAX_FINDINGS,
} from '../../../protocol/wire-doctor.ts';
import type { MemberView } from '../../core/cluster/view.ts';
import { compareHosts, type Told } from '../../core/doctor/compare.ts';
import { judgeHost } from '../../core/doctor/host-findings.ts';
import { podSubnetOf } from '../../core/network/pod-subnets.ts';
import type { NodeFacts } from '../../core/reconcile/node-status.ts';
import { sleep } from '../../ports/clock.ts';
import type { Replica } from '../../ports/replica.ts';
import type { Transport } from '../../ports/transport.ts';
import { inBatches } from './in-batches.ts';
import { DOCTOR_LIMITS } from './limits.ts';
import { lookAtHost, type LookDeps } from './look.ts';

export interface DoctorDeps extends LookDeps {
  transport: Pick<Transport, 'self' | 'connected' | 'request' | 'serve'>;
  replica: Pick<Replica, 'quarantined' | 'digest'>;
}

export interface DoctorOptions {
  version: string;
  network: NodeFacts['network'];
}

export class Doctor {
  readonly #deps: DoctorDeps;
  readonly #options: DoctorOptions;
  readonly #stopping = new AbortController();
  #looking: Promise<Examination> | undefined;

  constructor(deps: DoctorDeps, options: DoctorOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Answers other members from now on. */
  start(): void {
    const { transport, replica, clock } = this.#deps;
    transport.serve('doctor', async (_from, payload) => {
      const { type } = decodeDoctorRequest(payload);
      if (type === 'compare') return encodeDoctorReply({ type: 'compared', wallMs: clock.now(), digest: replica.digest() });
      return encodeDoctorReply({ type: 'examination', examination: await this.#examine() });
    });
  }

  stop(): void {
    this.#stopping.abort(new KithError('Stopped', 'the daemon stops'));
  }

  /** @param node only this one; all unless given. @throws KithError `NotFound` */
  async ask(node: string | undefined, signal: AbortSignal): Promise<DoctorAnswer> {
    const { view } = this.#deps;
    const members = view.members().filter(({ spec }) => node === undefined || spec.nodeName === node);
    if (node !== undefined && members.length === 0)
      throw new KithError('NotFound', `no member has a node "${node}": "kith peers" lists them`);
    // What is compared with is always there.
    const asked = members.some(({ spec }) => spec.peerId === view.self.peer)
      ? members
      : [...members, ...view.members().filter(({ spec }) => spec.peerId === view.self.peer)];
    const answers = await inBatches(asked, DOCTOR_LIMITS.nodesAtOnce, (member) => this.#askOne(member, signal));
    const told = answers.flatMap((answer) => ('told' in answer ? [answer.told] : []));
    const dead = asked.filter(({ state }) => state === 'dead').map(({ spec }) => spec.nodeName);
    const isAsked = (name: string): boolean => node === undefined || name === node;
    const findings = [
      ...answers.flatMap((answer) => ('told' in answer ? answer.told.examination.findings : [answer.finding])),
      ...compareHosts(view.self.node, told),
    ].filter((finding) => isAsked(finding.node));
    const rows = answers.map((answer): DoctorNodeRow => {
      if (!('told' in answer)) return { node: answer.finding.node, answered: false, version: '', checked: [], skipped: [] };
      const { node: name, version, checked, skipped } = answer.told.examination;
      return { node: name, answered: true, version, checked, skipped };
    });
    const byNode = <T extends { node: string }>(left: T, right: T): number =>
      left.node < right.node ? -1 : left.node > right.node ? 1 : 0;
    return {
      by: view.self.node,
      nodes: rows.filter((row) => isAsked(row.node)).sort(byNode),
      findings: withoutEchoes(findings, dead).sort(
        (left, right) => byNode(left, right) || DOCTOR_CHECKS.indexOf(left.check) - DOCTOR_CHECKS.indexOf(right.check),
      ),
    };
  }

  async #askOne({ spec, state }: MemberView, signal: AbortSignal): Promise<{ told: Told } | { finding: Finding }> {
    const { nodeName: node, peerId } = spec;
    if (peerId === this.#deps.view.self.peer)
      return { told: { examination: await this.#examine(), clock: { differenceMs: 0, uncertainMs: 0 }, differingBuckets: 0 } };
    const said = (what: string, fix: string) => ({
      finding: { node, check: 'state' as const, what: what.slice(0, MAX_FINDING_CHARS), fix },
    });
    if (state === 'dead')
      return said(
        'it is dead: nothing of it can be looked at',
        `start its host and kithd again; if it never comes back: kith delete node ${node}`,
      );
    try {
      const reply = await this.#request(peerId, { type: 'examine' }, signal);
      if (reply.type !== 'examination' || reply.examination.node !== node) throw new KithError('WireInvalid', 'it answers something else');
      return { told: { examination: reply.examination, ...(await this.#compare(peerId, signal)) } };
    } catch (error) {
      signal.throwIfAborted();
      const fix = 'see what other nodes find of it; then look at kithd and its log there, and ask itself: kith doctor on that host';
      return said(`it does not answer the doctor: ${error instanceof Error ? error.message : String(error)}`, fix);
    }
  }

  /** Of the clocks the first look counts, of desired states the last: what differs may be on its way. */
  async #compare(peer: string, signal: AbortSignal): Promise<Omit<Told, 'examination'>> {
    const { replica, clock } = this.#deps;
    const until = clock.monotonic() + DOCTOR_LIMITS.syncMs;
    let seen: Told['clock'] | undefined;
    for (;;) {
      const sentAt = clock.monotonic();
      const reply = await this.#request(peer, { type: 'compare' }, signal);
      if (reply.type !== 'compared') throw new KithError('WireInvalid', 'it answers something else');
      const halfMs = (clock.monotonic() - sentAt) / 2;
      seen ??= { differenceMs: reply.wallMs - (clock.now() - halfMs), uncertainMs: halfMs };
      const differingBuckets = replica.digest().filter((hash, index) => hash !== reply.digest[index]).length;
      if (differingBuckets === 0 || clock.monotonic() > until) return { clock: seen, differingBuckets };
      await sleep(clock, DOCTOR_LIMITS.compareMs, signal);
      signal.throwIfAborted();
    }
  }

  /** A link that breaks is made anew: that of a peer that is suspected is cut on purpose. */
  async #request(peer: string, request: DoctorRequest, signal: AbortSignal): Promise<DoctorReply> {
    const { transport, clock } = this.#deps;
    const options = { timeoutMs: DOCTOR_LIMITS.examineMs, signal };
    for (let tried = 1; ; tried += 1) {
      try {
        return decodeDoctorReply(await transport.request(peer, 'doctor', encodeDoctorRequest(request), options));
      } catch (error) {
        const broken = error instanceof KithError && error.code === 'PeerUnreachable';
        if (!broken || tried >= DOCTOR_LIMITS.tries || signal.aborted) throw error;
        await sleep(clock, DOCTOR_LIMITS.compareMs, signal);
      }
    }
  }

  /** Whoever asks meanwhile gets the same answer; it is bounded by itself. */
  #examine(): Promise<Examination> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #look(): Promise<Examination> {
    const { view } = this.#deps;
    const facts = await lookAtHost(this.#deps, this.#options.network, this.#stopping.signal);
    const { findings, checked, skipped } = judgeHost(facts);
    const cut = (text: string): string => text.slice(0, MAX_FINDING_CHARS);
    return {
      node: view.self.node,
      version: this.#options.version,
      complete: view.complete,
      subnets: Object.fromEntries(
        view.members().flatMap(({ spec }) => {
          const subnet = podSubnetOf(view, spec.nodeName);
          return subnet === undefined ? [] : [[spec.nodeName, subnet.text]];
        }),
      ),
      findings: findings.slice(0, MAX_FINDINGS).map((finding) => ({ ...finding, what: cut(finding.what), fix: cut(finding.fix) })),
      checked,
      skipped,
    };
  }
}

/** What every node says of another one that is dead was told once already. */
function withoutEchoes(findings: readonly Finding[], dead: readonly string[]): Finding[] {
  return findings.filter(({ check, what }) => check !== 'peers' || !dead.some((node) => what.startsWith(`node ${node} (`)));
}
