import { ApiError } from '../../cli/errors.ts';
import type { Random } from '../../daemon/ports/clock.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import { counters } from '../support/workloads.ts';
import type { Lab, LabHost } from '../lab/types.ts';
import type { Book, Outcome, Shown } from './book.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'].map((letter) => `chaos-${letter}`);
const NOTES = ['note-1', 'note-2'];
const COLLECTION = '/api/v1/namespaces/default/replicationcontrollers';
const MOST_REPLICAS = 3;
/** A write waits 2 s for other members; a frozen peer answers never. */
const ANSWER_MS = 6_000;
const LONGEST_PAUSE_MS = 400;

/** A controller as the writers use it: its annotations are the fields that the book is kept of. */
export type Workload = KubeObject & { spec: { replicas: number } };

/** Somebody who creates, changes and deletes controllers at random peers, one write after the other, and keeps the book. */
export class Writer {
  readonly #deps: { lab: Lab; book: Book; random: Random; newValue: () => string };

  constructor(deps: { lab: Lab; book: Book; random: Random; newValue: () => string }) {
    this.#deps = deps;
  }

  async writeUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const reachable = this.#deps.lab.hosts.filter((host) => host.isOn && host.daemonRuns);
      if (reachable.length > 0) await this.#write(this.#pick(reachable));
      await new Promise((resolve) => setTimeout(resolve, this.#deps.random.next() * LONGEST_PAUSE_MS));
    }
  }

  async #write(host: LabHost): Promise<void> {
    const name = this.#pick(NAMES);
    const dice = this.#deps.random.next();
    const { value: current, outcome } = await ask(() => call<Workload>(host, 'GET', `${COLLECTION}/${name}`));
    if (outcome === 'unknown') return;
    if (current === undefined) return this.#create(host, name);
    if (dice < 0.1) return this.#delete(host, current);
    if (dice < 0.3) return this.#scale(host, current);
    return this.#annotate(host, current);
  }

  async #create(host: LabHost, name: string): Promise<void> {
    const fields = new Map(NOTES.map((note) => [note, this.#deps.newValue()]));
    const draft = counters(name, 1 + Math.floor(this.#deps.random.next() * MOST_REPLICAS)) as { metadata: object };
    const body = { ...draft, metadata: { ...draft.metadata, annotations: Object.fromEntries(fields) } };
    const { value, outcome } = await ask(() => call<Workload>(host, 'POST', COLLECTION, body));
    this.#deps.book.created(name, value?.metadata.uid, outcome, fields);
  }

  async #annotate(host: LabHost, { metadata }: Workload): Promise<void> {
    const field = this.#pick(NOTES);
    const value = this.#deps.newValue();
    const body = { metadata: { uid: metadata.uid, annotations: { [field]: value } } };
    const { outcome } = await ask(() => call(host, 'PATCH', `${COLLECTION}/${metadata.name}`, body));
    this.#deps.book.wrote(metadata.name, metadata.uid, field, { value, saw: metadata.annotations?.[field], outcome });
  }

  /** What it is scaled to is not kept in the book: it is read when all is calm, and so many pods must run then. */
  async #scale(host: LabHost, { metadata }: Workload): Promise<void> {
    const replicas = Math.floor(this.#deps.random.next() * (MOST_REPLICAS + 1));
    await ask(() => call(host, 'PATCH', `${COLLECTION}/${metadata.name}`, { metadata: { uid: metadata.uid }, spec: { replicas } }));
  }

  async #delete(host: LabHost, { metadata }: Workload): Promise<void> {
    const body = { preconditions: { uid: metadata.uid } };
    const { outcome } = await ask(() => call(host, 'DELETE', `${COLLECTION}/${metadata.name}`, body));
    this.#deps.book.deleted(metadata.name, metadata.uid, outcome);
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#deps.random.next() * items.length)]!;
  }
}

export async function workloads(host: LabHost): Promise<Workload[]> {
  return (await host.client.get<{ items: Workload[] }>(COLLECTION)).items;
}

export function shownOf({ metadata }: Workload): Shown {
  const fields = NOTES.flatMap((note): [string, string][] => {
    const value = metadata.annotations?.[note];
    return value === undefined ? [] : [[note, value]];
  });
  return { key: metadata.name, uid: metadata.uid, fields: new Map(fields) };
}

async function call<T>(host: LabHost, method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T> {
  const contentType = method === 'PATCH' ? 'application/merge-patch+json' : undefined;
  return (await host.client.call({ method, path, body, contentType, signal: AbortSignal.timeout(ANSWER_MS) })).body as T;
}

async function ask<T>(question: () => Promise<T>): Promise<{ value?: T; outcome: Outcome }> {
  try {
    return { value: await question(), outcome: 'acknowledged' };
  } catch (error) {
    return { outcome: error instanceof ApiError && error.status < 500 ? 'refused' : 'unknown' };
  }
}
