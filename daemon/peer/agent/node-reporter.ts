import type { NodeStatus } from '../../../protocol/types.ts';
import type { EventDraft, Now } from '../../core/decisions.ts';
import { nodeStatus } from '../../core/reconcile/node-status.ts';
import type { EngineState, NodeFacts } from '../../core/reconcile/node-status.ts';
import type { ObservedState } from '../../ports/observed.ts';

export interface NodeReporterDeps {
  observed: ObservedState;
  events: { record(draft: EventDraft): void };
}

export interface NodeReporterOptions {
  facts: NodeFacts;
  version: string;
}

/** Tells the cluster how this node is: its status, and an Event when its readiness changes. */
export class NodeReporter {
  readonly #deps: NodeReporterDeps;
  readonly #options: NodeReporterOptions;
  #status: NodeStatus | undefined;
  #engine: EngineState | undefined;
  #told: EngineState['is'] = 'unknown';

  constructor(deps: NodeReporterDeps, options: NodeReporterOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Says nothing until the engine was asked once, so that a restart of the daemon does not show as a node that is not ready. */
  report(self: { peer: string; node: string }, engine: EngineState, now: Now): void {
    // A node's status follows from what its engine is: the agent decides far more often than that changes.
    if (engine.is === 'unknown' || engine === this.#engine) return;
    this.#engine = engine;
    const status = nodeStatus(this.#options.facts, engine, this.#status ?? this.#lastOwn(self.peer), now);
    if (status !== this.#status) {
      this.#status = status;
      this.#deps.observed.publish('node', { kind: 'node', status, version: this.#options.version });
    }
    this.#tellReadiness(self.node, engine);
  }

  #lastOwn(peer: string): NodeStatus | undefined {
    const value = this.#deps.observed.get(peer, 'node')?.value;
    return value?.kind === 'node' ? value.status : undefined;
  }

  #tellReadiness(node: string, engine: EngineState): void {
    if (engine.is === this.#told) return;
    const before = this.#told;
    this.#told = engine.is;
    const metadata = { name: node, uid: node, creationTimestamp: '' };
    const about = { apiVersion: 'v1', kind: 'Node', metadata };
    const draft = { about, component: 'kubelet' };
    if (engine.is === 'away') {
      this.#deps.events.record({ ...draft, type: 'Warning', reason: 'ContainerRuntimeDown', message: engine.message });
      this.#deps.events.record({ ...draft, type: 'Normal', reason: 'NodeNotReady', message: `Node ${node} status is now: NodeNotReady` });
    } else if (before === 'away') {
      this.#deps.events.record({ ...draft, type: 'Normal', reason: 'NodeReady', message: `Node ${node} status is now: NodeReady` });
    }
  }
}
