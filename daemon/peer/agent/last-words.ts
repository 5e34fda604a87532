import type { Pod } from '../../../protocol/types.ts';
import { allContainers } from '../../core/reconcile/containers.ts';
import { LAST_WORDS, LogEnd, wantsLog } from '../../core/reconcile/last-words.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ContainerRuntime, RuntimeContainer, RuntimePod } from '../../ports/runtime.ts';
import { bounded } from './bounded.ts';
import { failure } from './failure.ts';
import { AGENT_LIMITS as LIMITS } from './limits.ts';

/** Reads, once an attempt, the ends of logs that stand in for last words (`terminationMessagePolicy: FallbackToLogsOnError`). One a pod. */
export class LastWords {
  /** By `CONTAINER/ATTEMPT`, for what is listed; undefined while it is being read. */
  readonly #words = new Map<string, string | undefined>();
  readonly #stopping = new AbortController();

  /** What is to be read still, begun here. Empty: {@link addTo} knows all. */
  read(runtime: ContainerRuntime, clock: Clock, pod: Pod, listed: RuntimePod): { waits: boolean; begun: Promise<void>[] } {
    const spec = new Map(allContainers(pod.spec).map((container) => [container.name, container]));
    const wanted = listed.containers.filter((container) => wantsLog(spec.get(container.name), container));
    const known = new Set(wanted.map(nameOf));
    for (const name of this.#words.keys()) if (!known.has(name)) this.#words.delete(name);
    const news = wanted.filter((container) => !this.#words.has(nameOf(container)));
    const begun = news.map((container) => this.#readOne(runtime, clock, listed.uid, container));
    return { waits: wanted.some((container) => this.#words.get(nameOf(container)) === undefined), begun };
  }

  /** The pod as listed, with the words that the runtime does not know. */
  addTo(listed: RuntimePod | undefined): RuntimePod | undefined {
    if (listed === undefined || this.#words.size === 0) return listed;
    const containers = listed.containers.map((container): RuntimeContainer => {
      const words = this.#words.get(nameOf(container)) ?? '';
      return container.terminationMessage !== undefined || words === '' ? container : { ...container, terminationMessage: words };
    });
    return { ...listed, containers };
  }

  giveUp(): void {
    this.#stopping.abort();
  }

  async #readOne(runtime: ContainerRuntime, clock: Clock, podUid: string, container: RuntimeContainer): Promise<void> {
    const name = nameOf(container);
    this.#words.set(name, undefined);
    const request = { podUid, container: container.name, attempt: container.attempt, follow: false, tailLines: LAST_WORDS.lines };
    const end = new LogEnd();
    try {
      await bounded(clock, 'read the end of a log', LIMITS.logEndTimeoutMs, this.#stopping.signal, async (signal) => {
        for await (const { line } of runtime.logs(request, signal)) end.add(line);
      });
      this.#words.set(name, end.text());
    } catch (error) {
      // In the kubelet's words. A pod must not wait for ever for what can't be read.
      this.#words.set(name, `Error on reading termination message from logs: ${failure(error).message}`);
    }
  }
}

function nameOf({ name, attempt }: RuntimeContainer): string {
  return `${name}/${attempt}`;
}
