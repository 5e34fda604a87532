/**
 * Services by rules of the kernel: keeps one table of nftables as the table of Services says, changes only what differs, and puts back what somebody flushed. It decides
 * nothing itself (core/network/nft-rules.ts).
 */
import type { ObjectKey } from '../../../protocol/objects.ts';
import { filledByKernel, joinRules, renderChanges, renderTable, rulesOfService, TELLING_CHAINS } from '../../core/network/nft-rules.ts';
import type { RuleFacts, Rules, ServiceRules } from '../../core/network/nft-rules.ts';
import type { ResolvedService } from '../../core/network/service-types.ts';
import type { Log } from '../../ports/log.ts';
import type { PacketFilter } from '../../ports/packet-filter.ts';
import type { ServiceSink } from '../../ports/service-sink.ts';
import { tableDifferences } from './table-differences.ts';
import { Turns } from './turns.ts';

/** Every so many looks is a close one. */
const CLOSE_LOOK_EACH = 6;

export interface KernelServicesDeps {
  filter: PacketFilter;
  log: Log;
  /** Whether this peer, which has just started, knows less of endpoints than the rules of its earlier run. Not for long. */
  isEarly?: () => boolean;
  /** The table of Services of this very moment, as `isEarly` speaks of: what was handed over last may be older. */
  latest?: () => readonly ResolvedService[];
}

export class KernelServices implements ServiceSink {
  readonly name = 'nftables';
  readonly #deps: KernelServicesDeps;
  readonly #ofService = new Map<ObjectKey, { service: ResolvedService; rules: ServiceRules }>();
  #services: readonly ResolvedService[] = [];
  /** What #applied was made of. */
  #appliedServices: readonly ResolvedService[] = [];
  /** What the kernel is being told, and may have any moment. */
  #underWay: readonly ResolvedService[] = [];
  #facts: RuleFacts | undefined;
  /** This kernel can not lead flows to other endpoints. */
  #isPlain = false;
  /** What the kernel has, as far as we know. */
  #applied: Rules | undefined;
  /** Rules of an earlier run are replaced. */
  #hasBegun = false;
  /** How the telling chains read when they were looked at first. */
  #baseText: string | undefined;
  #looks = 0;
  /** One change after the other. */
  readonly #turns = new Turns();
  /** Why the kernel has not what it should; empty while it has. */
  #complained = '';

  constructor(deps: KernelServicesDeps) {
    this.#deps = deps;
  }

  /** Until it is called, nothing is done. */
  async use(given: RuleFacts, signal?: AbortSignal): Promise<void> {
    const facts = { ...given, movesFlows: given.movesFlows && !this.#isPlain };
    if (this.#facts !== undefined && JSON.stringify(this.#facts) === JSON.stringify(facts)) return;
    this.#facts = facts;
    this.#ofService.clear();
    await this.#inTurn(() => this.#bringUpToDate(signal));
  }

  async apply(services: readonly ResolvedService[], _changed: ReadonlySet<ObjectKey>, signal: AbortSignal): Promise<void> {
    this.#services = services;
    if (this.#facts !== undefined) await this.#inTurn(() => this.#bringUpToDate(signal));
  }

  get inForce(): readonly ResolvedService[] | undefined {
    return this.#applied === undefined ? undefined : [...this.#appliedServices, ...this.#underWay];
  }

  troubles(): ReadonlyMap<ObjectKey, readonly string[]> {
    return new Map(this.#complained === '' ? [] : this.#services.map(({ key }) => [key, [this.#complained]]));
  }

  /** The rules stay: what is connected goes on, and what connects still finds those that live. */
  async stop(): Promise<void> {
    await this.#turns.settled();
  }

  /** Looks whether our rules are as we left them. */
  async check(signal?: AbortSignal): Promise<void> {
    const facts = this.#facts;
    if (facts === undefined) return;
    await this.#inTurn(async () => {
      if (this.#applied !== undefined && !(await this.#isAsLeft(facts, signal))) {
        this.#deps.log.warn('Somebody changed or flushed the rules of Services; they are put back', { table: facts.table });
        this.#applied = undefined;
      }
      if (this.#applied === undefined) await this.#bringUpToDate(signal);
    });
  }

  /** How the kernel's rules differ from what they should be, a line each; the next look makes them anew then. @throws KithError `FilterRefused` */
  async differences(signal?: AbortSignal): Promise<string[]> {
    return this.#turns.run(async () => {
      if (this.#facts === undefined) return ['it is not known yet what they should be'];
      if (this.#applied === undefined) return [this.#complained || 'they are still to be made'];
      const found = await tableDifferences(this.#deps.filter, renderTable(this.#applied), this.#facts.table, signal);
      if (found.length > 0) this.#applied = undefined;
      return found;
    });
  }

  /** That the table is there is asked each time, how its chains read now and then: the kernel has to tell all of the table for that. */
  async #isAsLeft({ table }: RuleFacts, signal?: AbortSignal): Promise<boolean> {
    const { filter } = this.#deps;
    if (!(await filter.tables(signal)).includes(table)) return false;
    this.#looks += 1;
    if (this.#baseText !== undefined && this.#looks % CLOSE_LOOK_EACH !== 0) return true;
    const texts: (string | undefined)[] = [];
    for (const chain of TELLING_CHAINS) texts.push(await filter.chain(table, chain, signal));
    const text = texts.join('\n');
    const before = this.#baseText ?? text;
    this.#baseText = text;
    return text === before && !texts.includes(undefined);
  }

  /** What others have still to tell comes as another table of Services; what they never tell is not waited for. */
  async #leavesEarlier({ table }: RuleFacts, signal?: AbortSignal): Promise<boolean> {
    const { filter, isEarly } = this.#deps;
    return isEarly?.() === true && (await filter.tables(signal)).includes(table);
  }

  async #bringUpToDate(signal?: AbortSignal): Promise<void> {
    const { filter, log, latest } = this.#deps;
    const facts = this.#facts;
    if (facts === undefined) return;
    const services = (this.#services = latest?.() ?? this.#services);
    if (!this.#hasBegun && (await this.#leavesEarlier(facts, signal))) return;
    let wanted = this.#wanted(facts);
    const changes = this.#applied === undefined ? undefined : renderChanges(this.#applied, wanted);
    this.#underWay = services;
    try {
      if (changes !== undefined && changes !== '') await filter.apply(changes, signal);
    } catch (error) {
      if (signal?.aborted === true) throw error;
      log.debug('A change of the rules of Services does not apply; all of them are made anew', { error });
      this.#applied = undefined;
    }
    if (changes === undefined || this.#applied === undefined) {
      this.#applied = undefined;
      wanted = await this.#replace(wanted, signal);
      this.#baseText = undefined;
    }
    this.#applied = wanted;
    this.#hasBegun = true;
    this.#appliedServices = services;
    this.#underWay = [];
    this.#complained = '';
  }

  /**
   * The whole table. What the kernel filled by itself is kept: clients stay with their endpoints, also over a restart of the daemon.
   * @returns what is in force now: less than what was wanted where this kernel can not do all of it
   */
  async #replace(wanted: Rules, signal?: AbortSignal): Promise<Rules> {
    const { filter, log } = this.#deps;
    const { table, movesFlows } = wanted.facts;
    const plain = { ...wanted, facts: { ...wanted.facts, movesFlows: false } };
    const kept = await filter.elements(table, filledByKernel(wanted), signal);
    const tries = [...(kept.size > 0 ? [{ rules: wanted, kept }] : []), { rules: wanted }, ...(movesFlows ? [{ rules: plain }] : [])];
    let failure: unknown;
    for (const one of tries) {
      try {
        await filter.apply(renderTable(one.rules, one.kept), signal);
      } catch (error) {
        signal?.throwIfAborted();
        log.debug('The rules of Services do not apply in full', { error });
        failure ??= error;
        continue;
      }
      if (one.rules === plain) this.#becomePlain(plain.facts, failure);
      return one.rules;
    }
    throw failure;
  }

  #becomePlain(facts: RuleFacts, error: unknown): void {
    this.#isPlain = true;
    this.#facts = facts;
    const message =
      'This kernel, or its nft, does not lead UDP flows away from an endpoint that is gone: clients that send on from one port are refused';
    this.#deps.log.warn(message, { error });
  }

  #wanted(facts: RuleFacts): Rules {
    const present = new Set<ObjectKey>();
    const all: ServiceRules[] = [];
    for (const service of this.#services) {
      present.add(service.key);
      let held = this.#ofService.get(service.key);
      if (held?.service !== service) {
        held = { service, rules: rulesOfService(service, facts) };
        this.#ofService.set(service.key, held);
      }
      all.push(held.rules);
    }
    for (const key of this.#ofService.keys()) if (!present.has(key)) this.#ofService.delete(key);
    return joinRules(facts, all);
  }

  /** An error is told once until it is over; the next look tries again. */
  async #inTurn(act: () => Promise<void>): Promise<void> {
    await this.#turns.run(act).catch((error: unknown) => {
      this.#applied = undefined;
      const text = String(error);
      if (text !== this.#complained)
        this.#deps.log.warn('The rules of Services could not be brought up to date; it is tried again', { error });
      this.#complained = text;
    });
  }
}
