import { KithError } from '../../protocol/errors.ts';
import type { HttpResponse } from '../../daemon/ports/http.ts';
import { requestApi, warningOf } from '../support/peer-daemon.ts';
import type { Act } from './scenario.ts';
import type { SimWorld } from './world.ts';

/** How long a user waits for an answer. */
const ANSWER_MS = 15_000;

export interface Asked {
  method: string;
  target: string;
  body?: object;
  what: string;
}

type Later = (forMs: number, undo: () => unknown) => unknown;

/** People, and their requests to the peers. */
export class Users {
  private readonly world: SimWorld;
  /** Requests that wait for their answers, and drains that are not through. */
  private readonly open = new Set<Promise<unknown>>();

  constructor(world: SimWorld) {
    this.world = world;
  }

  async answered(): Promise<void> {
    while (this.open.size > 0) await Promise.all(this.open);
  }

  /** @returns the status; undefined when there was no answer */
  async request(index: number, asked: Asked): Promise<number | undefined> {
    return (await this.ask(index, asked))?.status;
  }

  /** @returns undefined when there was no answer */
  async ask(index: number, asked: Asked): Promise<HttpResponse | undefined> {
    const { timeline, clock } = this.world;
    const host = this.world.host(index);
    if (host?.daemon === undefined) return undefined;
    const { daemon } = host;
    const listeners = this.world.onRequest.flatMap((listener) => listener(host, asked));
    const call = new Promise<HttpResponse | string>((resolve) => {
      clock.after(ANSWER_MS, () => resolve('no answer'));
      daemon.clock.run(() => {
        requestApi(daemon, asked.method, asked.target, asked.body).then(resolve, (error: unknown) =>
          resolve(`failed: ${error instanceof KithError ? error.message : String(error)}`),
        );
      });
    });
    const answer = await this.opened(call);
    const response = typeof answer === 'string' ? undefined : answer;
    const told = typeof answer === 'string' ? answer : `${answer.status}${warningOf(answer) === undefined ? '' : ' with a warning'}`;
    timeline.add(host.node, `← ${asked.what}: ${told}`);
    for (const listener of listeners) this.world.guard(() => listener(response?.status));
    return response;
  }

  async deletePod({ host: index, which, graceSeconds }: Extract<Act, { do: 'deletePod' }>): Promise<void> {
    const pods = this.world.host(index)?.daemon?.peer.objects.list('pods').items ?? [];
    const name = pods[which % Math.max(1, pods.length)]?.metadata.name;
    if (name === undefined) return;
    const query = graceSeconds === undefined ? '' : `?gracePeriodSeconds=${graceSeconds}`;
    const target = `/api/v1/namespaces/default/pods/${name}${query}`;
    await this.request(index, { method: 'DELETE', target, what: `delete pod ${name}` });
  }

  async deletePods({ host: index, app, graceSeconds }: Extract<Act, { do: 'deletePods' }>): Promise<void> {
    const pods = this.world.host(index)?.daemon?.peer.objects.list('pods').items ?? [];
    const query = graceSeconds === undefined ? '' : `?gracePeriodSeconds=${graceSeconds}`;
    const names = pods.filter(({ metadata }) => metadata.labels?.['app'] === app).map(({ metadata }) => metadata.name);
    for (const name of names) {
      const target = `/api/v1/namespaces/default/pods/${name}${query}`;
      await this.request(index, { method: 'DELETE', target, what: `delete pod ${name}` });
    }
  }

  /** @param later undoes what is for a time */
  drain(act: Extract<Act, { do: 'drain' }>, later: Later): void {
    void this.opened(this.drained(act, later));
  }

  private async opened<T>(action: Promise<T>): Promise<T> {
    this.open.add(action);
    try {
      return await action;
    } finally {
      this.open.delete(action);
    }
  }

  private async drained({ host: index, node, forMs }: Extract<Act, { do: 'drain' }>, later: Later): Promise<void> {
    const name = `node-${node}`;
    const target = `/api/v1/nodes/${name}`;
    const cordon = (unschedulable: boolean): Promise<number | undefined> =>
      this.request(index, {
        method: 'PATCH',
        target,
        body: { spec: { unschedulable } },
        what: `${unschedulable ? '' : 'un'}cordon ${name}`,
      });
    await cordon(true);
    const undone = later(forMs, () => cordon(false));
    const pods = this.world.host(index)?.daemon?.peer.objects.list('pods').items ?? [];
    for (const { metadata, spec } of pods) {
      if ((spec as { nodeName?: string }).nodeName !== name) continue;
      const pod = metadata.name;
      const target = `/api/v1/namespaces/default/pods/${pod}/eviction`;
      await this.request(index, { method: 'POST', target, body: { metadata: { name: pod } }, what: `evict pod ${pod}` });
    }
    await undone;
  }

  file({ host: index, file, text }: Extract<Act, { do: 'file' }>): void {
    const host = this.world.host(index);
    if (text === null) host?.folder.files.delete(file);
    else host?.folder.files.set(file, text);
    host?.folder.hint();
  }
}
