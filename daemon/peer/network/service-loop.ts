/**
 * Services on this peer: keeps the table of what they resolve to, shows the endpoints that follow from it, and hands it to whatever makes them work here. It decides nothing
 * itself; a failing sink harms nobody else.
 */
import type { KubeObject, ObjectKey } from '../../../protocol/objects.ts';
import { resourceOf } from '../../../protocol/objects.ts';
import type { ClusterView } from '../../core/cluster/view.ts';
import { deriveEndpoints, keyOfDerived } from '../../core/network/derived-endpoints.ts';
import { sentTo, takenForStaying } from '../../core/network/leaving.ts';
import type { ResolvedService } from '../../core/network/service-types.ts';
import { ServiceTable } from '../../core/network/service-table.ts';
import type { CancelTimer, Clock } from '../../ports/clock.ts';
import type { ShownNetwork } from '../../core/status/render.ts';
import type { Log } from '../../ports/log.ts';
import type { ServiceSink } from '../../ports/service-sink.ts';

export const SERVICE_LOOP_LIMITS = {
  /** ms that changes are let come together before sinks hear of them. */
  coalesceMs: 5,
} as const;

export interface ServiceLoopDeps {
  view: ClusterView;
  /** Of a peer of this process whose view is the same. */
  from?: ServiceTable | undefined;
  sinks: readonly ServiceSink[];
  clock: Clock;
  log: Log;
}

export class ServiceLoop implements ShownNetwork {
  readonly table: ServiceTable;
  readonly #deps: ServiceLoopDeps;
  readonly #stopping = new AbortController();
  /** What is derived of each service, and all of it by key. */
  readonly #ofService = new Map<ObjectKey, readonly KubeObject[]>();
  readonly #derived = new Map<ObjectKey, KubeObject>();
  readonly #pending = new Set<ObjectKey>();
  readonly #listeners = new Set<() => void>();
  #cancel: CancelTimer | undefined;
  #applying: Promise<void> | undefined;
  #applied = 0;
  #running = false;

  constructor(deps: ServiceLoopDeps) {
    this.#deps = deps;
    this.table = new ServiceTable(deps.from);
  }

  start(): void {
    this.#running = true;
    this.#applyWithin(0);
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#cancel?.();
    this.#stopping.abort(new Error('the daemon stops'));
    await this.#applying;
    await Promise.allSettled(this.#deps.sinks.map(async (sink) => sink.stop()));
  }

  /**
   * To be called after every change of the view.
   * @returns further keys that may be shown differently from now on
   */
  touch(affected: ReadonlySet<ObjectKey>): Set<ObjectKey> {
    const { view } = this.#deps;
    const changed = this.table.update(view, affected);
    const shown = new Set<ObjectKey>();
    let nodes = false;
    for (const key of affected) {
      const resource = resourceOf(key);
      nodes ||= resource === 'nodes';
      if (resource === 'services' && !changed.has(key)) this.#derive(key, shown);
    }
    for (const key of changed) this.#derive(key, shown);
    // The status of a load balancer tells the addresses of nodes.
    const mayShow = nodes ? this.table.list() : [...changed].flatMap((key) => this.table.get(key) ?? []);
    for (const { key, type } of mayShow) if (type === 'LoadBalancer') shown.add(key);
    for (const key of changed) this.#pending.add(key);
    if (changed.size > 0) this.#applyWithin(SERVICE_LOOP_LIMITS.coalesceMs);
    return shown;
  }

  /** An Endpoints or EndpointSlice object that follows from a service. */
  derived(key: ObjectKey): KubeObject | undefined {
    return this.#derived.get(key);
  }

  derivedKeys(): Iterable<ObjectKey> {
    return this.#derived.keys();
  }

  resolved(key: ObjectKey): ResolvedService | undefined {
    return this.table.get(key);
  }

  /** Whether all sinks have done what the table says now. */
  get settled(): boolean {
    const { sinks } = this.#deps;
    const isDone = this.#pending.size === 0 && this.#applying === undefined && this.#applied === this.table.version;
    return isDone && sinks.every(({ inForce }) => inForce !== undefined);
  }

  /** Those of the pods that new traffic is sent to from this host, or may be: by what is in force, by what is to be, and where it is not known that they end. Where nothing leads to Services nobody is sent anything. */
  sentTo(uids: ReadonlySet<string>): Set<string> {
    const { sinks } = this.#deps;
    if (sinks.length === 0) return new Set();
    const services = this.table.list();
    const found = new Set([...sentTo(services, uids), ...takenForStaying(services, uids)]);
    for (const { inForce } of sinks) for (const uid of inForce === undefined ? uids : sentTo(inForce, uids)) found.add(uid);
    return found;
  }

  get sinkNames(): string[] {
    return this.#deps.sinks.map(({ name }) => name);
  }

  /** What can not be had on this host, in words; by service. */
  troubles(): Map<ObjectKey, string[]> {
    const all = new Map<ObjectKey, string[]>();
    for (const sink of this.#deps.sinks) for (const [key, words] of sink.troubles()) all.set(key, [...(all.get(key) ?? []), ...words]);
    return all;
  }

  /** Called whenever sinks have taken over a version of the table. */
  onApplied(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #derive(key: ObjectKey, shown: Set<ObjectKey>): void {
    const service = this.#deps.view.get(key);
    const resolved = this.table.get(key);
    for (const object of this.#ofService.get(key) ?? []) {
      const derivedKey = keyOfDerived(object);
      this.#derived.delete(derivedKey);
      shown.add(derivedKey);
    }
    const after = service === undefined || resolved === undefined ? [] : deriveEndpoints(service, resolved);
    if (after.length === 0) this.#ofService.delete(key);
    else this.#ofService.set(key, after);
    for (const object of after) {
      const derivedKey = keyOfDerived(object);
      this.#derived.set(derivedKey, object);
      shown.add(derivedKey);
    }
  }

  #applyWithin(ms: number): void {
    if (!this.#running || this.#cancel !== undefined || this.#applying !== undefined) return;
    this.#cancel = this.#deps.clock.after(ms, () => {
      this.#cancel = undefined;
      this.#applying = this.#apply().finally(() => {
        this.#applying = undefined;
        for (const listener of this.#listeners) listener();
        if (this.#pending.size > 0) this.#applyWithin(SERVICE_LOOP_LIMITS.coalesceMs);
      });
    });
  }

  async #apply(): Promise<void> {
    const { sinks, log } = this.#deps;
    const changed = new Set(this.#pending);
    this.#pending.clear();
    const { version } = this.table;
    const services = this.table.list();
    const results = await Promise.allSettled(sinks.map(async (sink) => sink.apply(services, changed, this.#stopping.signal)));
    this.#applied = version;
    for (const result of results) {
      if (result.status === 'rejected' && !this.#stopping.signal.aborted)
        log.warn('Services could not be brought up to date on this host', { error: result.reason as Error });
    }
  }
}
