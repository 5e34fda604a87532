/**
 * NetworkPolicies by rules of the kernel: keeps the table of this node's pods as core/network/policy-rules.ts says, and puts back what somebody flushed. A pod that a policy
 * selects is held before its first program starts until the rules for its address are in the kernel: denying all addresses that are not known yet would need no waiting, but would
 * also hold back pods that no policy selects, and whatever else people put into the network. The table is never taken away while it is not known what belongs there.
 */
import { KithError } from '../../../protocol/errors.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import type { ClusterView } from '../../core/cluster/view.ts';
import { hasUnheardPods, namespacesOf, NETWORK_POLICIES, policiesOf, policyPod, policySignature } from '../../core/network/policy-facts.ts';
import { isSelected, planPolicyRules, POLICY_CHAINS, renderPolicies, renderPolicyChanges } from '../../core/network/policy-rules.ts';
import type { PolicyPod, PolicyRules } from '../../core/network/policy-rules.ts';
import { renderRemoval } from '../../core/network/nft-rules.ts';
import type { CancelTimer, Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { PacketFilter } from '../../ports/packet-filter.ts';
import type { ContainerRuntime } from '../../ports/runtime.ts';
import { tableDifferences } from './table-differences.ts';
import { Turns } from './turns.ts';

export const POD_POLICY_LIMITS = {
  /** ms that changes are let come together. */
  coalesceMs: 5,
  /** ms that a pod waits for its rules; then its start fails, and is tried again. */
  admitMs: 5_000,
  /** ms after the start in which rules of an earlier run stay while addresses of pods of other nodes are still to be heard of. */
  hearMs: 10_000,
  /** Every so many looks is a close one: the kernel has to tell all of the table for it. */
  closeLookEach: 6,
} as const;

const GAP =
  'what passes between two pods of this node is not held back: the kernel does not show it to its rules. Load its module (modprobe br_netfilter, and /etc/modules-load.d for the next boot)';

export interface PodPoliciesDeps {
  view: ClusterView;
  filter: PacketFilter;
  runtime: Pick<ContainerRuntime, 'list'>;
  /** Whether packets between two pods of this host pass the kernel's rules. */
  bridgeFilters: () => boolean;
  clock: Clock;
  log: Log;
}

export class PodPolicies {
  readonly #deps: PodPoliciesDeps;
  readonly #table: string;
  readonly #startedAt: number;
  readonly #stopping = new AbortController();
  /** Of pods of this node, by uid: their addresses, and what was last known of those that are in no view any more but may still run. */
  readonly #local = new Map<string, { address: string; last?: PolicyPod | undefined }>();
  /** What the rules were made of, by key. */
  #planned = new Map<ObjectKey, string>();
  /** What the kernel has, as far as we know. */
  #applied: PolicyRules | 'none' | undefined;
  /** There are no policies: nothing is remembered of pods. */
  #idle = false;
  #selected = 0;
  #adopted = false;
  #baseText: string | undefined;
  #looks = 0;
  #complained = '';
  #cancel: CancelTimer | undefined;
  readonly #turns = new Turns();

  constructor(deps: PodPoliciesDeps, options: { table: string }) {
    this.#deps = deps;
    this.#table = options.table;
    this.#startedAt = deps.clock.monotonic();
  }

  /** For people: pods of this node whose traffic is held back, what is wrong, and what is not held back here although it should be. */
  get state(): { selected: number; trouble: string; gap: string } {
    const gap = this.#selected > 0 && !this.#deps.bridgeFilters() ? GAP : '';
    return { selected: this.#selected, trouble: this.#complained, gap };
  }

  /** To be called after every change of the view. */
  touch(affected: Iterable<ObjectKey>): void {
    for (const key of affected) {
      if (!this.#concerns(key)) continue;
      this.#cancel ??= this.#deps.clock.after(POD_POLICY_LIMITS.coalesceMs, () => {
        this.#cancel = undefined;
        void this.#inTurn(async () => void (await this.#bringUpToDate(false)));
      });
      return;
    }
  }

  /** Resolves once the rules for a pod at its address are in the kernel: before its first packet. @throws KithError `EngineFailed` */
  async admit(uid: string, address: string, signal?: AbortSignal): Promise<void> {
    const { view, clock } = this.#deps;
    this.#local.set(uid, { ...this.#local.get(uid), address });
    const desired = view.podsOnNode(view.self.node).find((pod) => pod.uid === uid);
    const pod = desired && policyPod(view, desired, address);
    if (pod === undefined || !isSelected(policiesOf(view), pod)) return;
    const late = Promise.withResolvers<void>();
    const cancel = clock.after(POD_POLICY_LIMITS.admitMs, () => late.resolve());
    const abort = (): void => late.resolve();
    signal?.addEventListener('abort', abort, { once: true });
    let isThere = false;
    const turn = this.#inTurn(async () => {
      isThere = await this.#bringUpToDate(true);
    });
    await Promise.race([turn, late.promise]);
    cancel();
    signal?.removeEventListener('abort', abort);
    signal?.throwIfAborted();
    if (isThere) return;
    const why = this.#complained === '' ? 'the kernel has not taken them in time' : this.#complained;
    throw new KithError(
      'EngineFailed',
      `the rules of the NetworkPolicies that select this pod are not in force (${why}): it is not started, and tried again`,
    );
  }

  /** Looks whether our rules are as we left them, and forgets pods that are gone. */
  async check(): Promise<void> {
    await this.#inTurn(async () => {
      await this.#forgetGone();
      if (typeof this.#applied === 'object' && !(await this.#isAsLeft())) {
        this.#deps.log.warn('Somebody changed or flushed the rules of NetworkPolicies; they are put back', { table: this.#table });
        this.#applied = undefined;
      }
      await this.#bringUpToDate(false);
    });
  }

  /** How the kernel's rules differ from what they should be, a line each; the next look makes them anew then. @throws KithError `FilterRefused` */
  async differences(signal?: AbortSignal): Promise<string[]> {
    return this.#turns.run(async () => {
      if (this.#applied === undefined) return [this.#complained || 'those of NetworkPolicies are still to be made'];
      if (this.#applied === 'none') return [];
      const found = await tableDifferences(this.#deps.filter, renderPolicies(this.#applied), this.#table, signal);
      if (found.length > 0) this.#applied = undefined;
      return found;
    });
  }

  /** The rules stay. */
  async stop(): Promise<void> {
    this.#cancel?.();
    this.#stopping.abort(new Error('the daemon stops'));
    await this.#turns.settled();
  }

  #concerns(key: ObjectKey): boolean {
    const { resource } = parseObjectKey(key);
    if (resource === NETWORK_POLICIES) return true;
    if (this.#idle || (resource !== 'pods' && resource !== 'namespaces')) return false;
    return this.#planned.get(key) !== this.#signature(key);
  }

  #signature(key: ObjectKey): string | undefined {
    const { view } = this.#deps;
    const object = view.get(key);
    if (object === undefined) return undefined;
    if (parseObjectKey(key).resource === 'namespaces') return policySignature(view, key, undefined);
    const pod = policyPod(view, object, this.#local.get(object.uid)?.address);
    return pod === undefined ? undefined : policySignature(view, key, pod);
  }

  /** @param atOnce a pod waits for it @returns whether the kernel has what it should */
  async #bringUpToDate(atOnce: boolean): Promise<boolean> {
    const { view } = this.#deps;
    // An empty view is no order to let everything through.
    if (this.#stopping.signal.aborted || !view.complete || view.removed) return false;
    if (!this.#adopted) await this.#adopt();
    const policies = policiesOf(view);
    if (!atOnce && policies.length > 0 && (await this.#isTooEarly())) return false;
    const wanted = policies.length === 0 ? undefined : this.#plan(policies);
    if (wanted !== undefined) await this.#apply(wanted);
    else if (this.#applied !== 'none') await this.#remove();
    this.#applied = wanted ?? 'none';
    this.#idle = policies.length === 0;
    if (this.#idle) this.#selected = 0;
    this.#complained = '';
    return true;
  }

  /** Rules of an earlier run know more addresses than we do yet. */
  async #isTooEarly(): Promise<boolean> {
    const { view, filter, clock } = this.#deps;
    if (this.#applied !== undefined || clock.monotonic() - this.#startedAt > POD_POLICY_LIMITS.hearMs || !hasUnheardPods(view))
      return false;
    return (await filter.tables(this.#stopping.signal)).includes(this.#table);
  }

  #plan(policies: ReturnType<typeof policiesOf>): PolicyRules | undefined {
    const { view } = this.#deps;
    const planned = new Map<ObjectKey, string>();
    const pods: PolicyPod[] = [];
    const present = new Set<string>();
    const taken = new Set<string>();
    for (const desired of view.list('pods')) {
      const local = this.#local.get(desired.uid);
      present.add(desired.uid);
      const pod = policyPod(view, desired, local?.address);
      if (local !== undefined) local.last = pod;
      if (pod === undefined) continue;
      taken.add(pod.ip);
      planned.set(desired.key, policySignature(view, desired.key, pod));
      pods.push(pod);
    }
    for (const [uid, { last }] of this.#local) if (!present.has(uid) && last !== undefined && !taken.has(last.ip)) pods.push(last);
    for (const { key } of view.list('namespaces')) planned.set(key, policySignature(view, key, undefined));
    this.#planned = planned;
    this.#selected = pods.filter((pod) => pod.local && isSelected(policies, pod)).length;
    return planPolicyRules({ policies, pods, namespaces: namespacesOf(view) }, this.#table);
  }

  async #apply(wanted: PolicyRules): Promise<void> {
    const { filter, log } = this.#deps;
    const { signal } = this.#stopping;
    const changes = typeof this.#applied === 'object' ? renderPolicyChanges(this.#applied, wanted) : undefined;
    if (changes === '') return;
    try {
      if (changes !== undefined) return await filter.apply(changes, signal);
    } catch (error) {
      log.debug('A change of the rules of NetworkPolicies does not apply; all of them are made anew', { error });
    }
    await filter.apply(renderPolicies(wanted), signal);
    this.#baseText = undefined;
  }

  async #remove(): Promise<void> {
    const { filter } = this.#deps;
    const { signal } = this.#stopping;
    if ((await filter.tables(signal)).includes(this.#table)) await filter.apply(renderRemoval(this.#table), signal);
  }

  /** Pods that an earlier run started keep their rules, though their reports are still to be made. */
  async #adopt(): Promise<void> {
    for (const { uid, sandbox } of await this.#deps.runtime.list(this.#stopping.signal))
      if (sandbox.ip !== '' && !this.#local.has(uid)) this.#local.set(uid, { address: sandbox.ip });
    this.#adopted = true;
  }

  /** Who was deleted is held back for as long as anything of it is left. */
  async #forgetGone(): Promise<void> {
    const { view, runtime } = this.#deps;
    const present = new Set(view.podsOnNode(view.self.node).map(({ uid }) => uid));
    const gone = [...this.#local.keys()].filter((uid) => !present.has(uid));
    if (gone.length === 0) return;
    const running = new Set((await runtime.list(this.#stopping.signal)).map(({ uid }) => uid));
    for (const uid of gone) if (!running.has(uid)) this.#local.delete(uid);
  }

  async #isAsLeft(): Promise<boolean> {
    const { filter } = this.#deps;
    const { signal } = this.#stopping;
    if (!(await filter.tables(signal)).includes(this.#table)) return false;
    this.#looks += 1;
    if (this.#baseText !== undefined && this.#looks % POD_POLICY_LIMITS.closeLookEach !== 0) return true;
    const texts: (string | undefined)[] = [];
    for (const chain of POLICY_CHAINS) texts.push(await filter.chain(this.#table, chain, signal));
    const text = texts.join('\n');
    const before = this.#baseText ?? text;
    this.#baseText = text;
    return text === before && !texts.includes(undefined);
  }

  /** An error is told once until it is over; the next look tries again. */
  async #inTurn(act: () => Promise<void>): Promise<void> {
    await this.#turns.run(act).catch((error: unknown) => {
      if (this.#stopping.signal.aborted) return;
      this.#applied = undefined;
      const text = String(error);
      if (text !== this.#complained)
        this.#deps.log.warn('The rules of NetworkPolicies could not be brought up to date; it is tried again', { error });
      this.#complained = text;
    });
  }
}
