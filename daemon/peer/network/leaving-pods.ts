/**
 * Pods of this node that are to be stopped, until every living node has said that it sends them nothing any more; and the answers to other nodes that ask that. Nothing is
 * sent while nobody leaves. When a pod has waited long enough is decided in core/network/leaving.ts.
 */
import { KithError } from '../../../protocol/errors.ts';
import {
  decodeRotationAnswer,
  decodeRotationRequest,
  encodeRotationAnswer,
  encodeRotationRequest,
  MAX_ROTATION_PODS,
} from '../../../protocol/wire-rotation.ts';
import type { ClusterView, MemberView } from '../../core/cluster/view.ts';
import { judgeLeaving, sentTo } from '../../core/network/leaving.ts';
import type { CancelTimer, Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Transport } from '../../ports/transport.ts';
import type { ServiceLoop } from './service-loop.ts';

export const LEAVING_PODS_LIMITS = {
  /** ms between two questions to a node that has not taken all of them out yet. */
  askEveryMs: 100,
  /** ms that an answer may take. */
  answerMs: 1_000,
} as const;

export interface LeavingPodsDeps {
  services: Pick<ServiceLoop, 'table' | 'sentTo'>;
  view: ClusterView;
  transport: Pick<Transport, 'self' | 'serve' | 'request'>;
  clock: Clock;
  log: Log;
}

interface Leaving {
  uid: string;
  since: number;
  clearSince: number | undefined;
  /** Peers that send nothing to it any more, or know nothing of such questions. */
  done: Set<string>;
  end: () => void;
}

export class LeavingPods {
  readonly #deps: LeavingPodsDeps;
  readonly #leaving = new Map<string, Leaving>();
  /** Peers that owe an answer. */
  readonly #asked = new Set<string>();
  readonly #stopping = new AbortController();
  #cancel: CancelTimer | undefined;

  constructor(deps: LeavingPodsDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#deps.transport.serve('rotation', async (_from, payload) => {
      const pods = new Set(decodeRotationRequest(payload));
      return encodeRotationAnswer([...this.#deps.services.sentTo(pods)]);
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#stopping.abort(new KithError('Stopped', 'the daemon stops'));
    for (const { end } of [...this.#leaving.values()]) end();
  }

  /**
   * Resolves when the pod may be told to stop, or the signal aborts; within LEAVING_LIMITS.mostMs. Undefined where no Service has it among its endpoints: then at once.
   */
  leave(namespace: string, uid: string, signal: AbortSignal): Promise<void> | undefined {
    const { services, clock } = this.#deps;
    if (this.#stopping.signal.aborted || signal.aborted || !services.table.isEndpoint(namespace, uid)) return undefined;
    this.#leaving.get(uid)?.end();
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = (): void => {
      this.#leaving.delete(uid);
      signal.removeEventListener('abort', end);
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
    this.#leaving.set(uid, { uid, since: clock.monotonic(), clearSince: undefined, done: new Set(), end });
    this.#cancel ??= clock.after(LEAVING_PODS_LIMITS.askEveryMs, () => this.#look());
    return promise;
  }

  #look(): void {
    this.#cancel = undefined;
    const { services, view, clock, log } = this.#deps;
    const now = clock.monotonic();
    const uids = new Set(this.#leaving.keys());
    const here = services.sentTo(uids);
    // By what is known here, whether or not it is in force already: that these end is.
    const kept = sentTo(services.table.list(), uids);
    const others = view.members().filter(({ peer, state }) => peer !== view.self.peer && state === 'alive');
    let lookAt = now + LEAVING_PODS_LIMITS.askEveryMs;
    for (const pod of [...this.#leaving.values()]) {
      const waitingFor = others.filter(({ peer }) => !pod.done.has(peer)).map(({ spec }) => spec.nodeName);
      if (here.has(pod.uid)) waitingFor.push(view.self.node);
      pod.clearSince = waitingFor.length > 0 ? undefined : (pod.clearSince ?? now);
      const { since, clearSince } = pod;
      const verdict = judgeLeaving({ since, isKept: kept.has(pod.uid), waitingFor, clearSince }, now);
      if (!verdict.stop) {
        lookAt = Math.min(lookAt, verdict.lookAt);
        continue;
      }
      log.debug('A pod may be stopped', { uid: pod.uid, why: verdict.why, afterMs: Math.round(now - pod.since) });
      pod.end();
    }
    if (this.#leaving.size === 0) return;
    for (const member of others) this.#ask(member);
    this.#cancel = clock.after(lookAt - now, () => this.#look());
  }

  #ask({ peer, spec }: MemberView): void {
    const { transport, log } = this.#deps;
    const pods = [...this.#leaving.values()].filter(({ done }) => !done.has(peer)).slice(0, MAX_ROTATION_PODS);
    if (pods.length === 0 || this.#asked.has(peer)) return;
    this.#asked.add(peer);
    const options = { timeoutMs: LEAVING_PODS_LIMITS.answerMs, signal: this.#stopping.signal };
    void transport
      .request(peer, 'rotation', encodeRotationRequest(pods.map(({ uid }) => uid)), options)
      .then((answer) => new Set(decodeRotationAnswer(answer)))
      .catch((error: unknown) => {
        log.debug('A peer does not say whether it still sends traffic to pods', { node: spec.nodeName, error });
        // It is of another version: what a pod is given at least has to do.
        return isRefusal(error) ? new Set<string>() : undefined;
      })
      .then((still) => {
        this.#asked.delete(peer);
        if (still !== undefined) for (const pod of pods) if (!still.has(pod.uid)) pod.done.add(peer);
      });
  }
}

const REFUSALS: ReadonlySet<unknown> = new Set(['RequestRefused', 'WireVersion', 'WireInvalid']);

function isRefusal(error: unknown): boolean {
  return error instanceof KithError && REFUSALS.has(error.code);
}
