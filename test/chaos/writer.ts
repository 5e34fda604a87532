import { ApiError } from '../../cli/errors.ts';
import type { Random } from '../../daemon/ports/clock.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import { counters } from '../support/workloads.ts';
import type { LabHost } from '../lab/types.ts';
import type { Book, Outcome, Shown } from './book.ts';
import { callHost, type Called } from './call.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'].map((letter) => `chaos-${letter}`);
const NOTES = ['note-1', 'note-2'];
const COLLECTION = '/api/v1/namespaces/default/replicationcontrollers';
const MOST_REPLICAS = 3;
const LONGEST_PAUSE_MS = 400;

/** A controller as the writers use it: its annotations are the fields that the book is kept of. */
export type Workload = KubeObject & { spec: { replicas: number } };

export interface WriterDeps {
  hosts: readonly LabHost[];
  /** Of these, who is being removed. */
  leaving: LabHost | undefined;
  book: Book;
  random: Random;
  newValue: () => string;
}

/** Somebody who creates, changes and deletes controllers at random peers, one write after the other, and keeps the book. */
export class Writer {
  readonly #deps: WriterDeps;

  constructor(deps: WriterDeps) {
    this.#deps = deps;
  }

  async writeUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const reachable = this.#deps.hosts.filter((host) => host.isOn && host.daemonRuns);
      if (reachable.length > 0) await this.#write(this.#pick(reachable));
      await new Promise((resolve) => setTimeout(resolve, this.#deps.random.next() * LONGEST_PAUSE_MS));
    }
  }

  async #write(host: LabHost): Promise<void> {
    const name = this.#pick(NAMES);
    const dice = this.#deps.random.next();
    const { value: current, outcome } = await ask(() => callHost<Workload>(host, 'GET', `${COLLECTION}/${name}`));
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
    const { value, outcome } = await this.#order(host, () => callHost<Workload>(host, 'POST', COLLECTION, body));
    this.#deps.book.created(name, value?.metadata.uid, outcome, fields);
  }

  async #annotate(host: LabHost, { metadata }: Workload): Promise<void> {
    const field = this.#pick(NOTES);
    const value = this.#deps.newValue();
    const body = { metadata: { uid: metadata.uid, annotations: { [field]: value } } };
    const { outcome } = await this.#order(host, () => callHost(host, 'PATCH', `${COLLECTION}/${metadata.name}`, body));
    this.#deps.book.wrote(metadata.name, metadata.uid, field, { value, saw: metadata.annotations?.[field], outcome });
  }

  /** What it is scaled to is not kept in the book: it is read when all is calm, and so many pods must run then. */
  async #scale(host: LabHost, { metadata }: Workload): Promise<void> {
    const replicas = Math.floor(this.#deps.random.next() * (MOST_REPLICAS + 1));
    const body = { metadata: { uid: metadata.uid }, spec: { replicas } };
    await ask(() => callHost(host, 'PATCH', `${COLLECTION}/${metadata.name}`, body));
  }

  async #delete(host: LabHost, { metadata }: Workload): Promise<void> {
    const body = { preconditions: { uid: metadata.uid } };
    const { outcome } = await this.#order(host, () => callHost(host, 'DELETE', `${COLLECTION}/${metadata.name}`, body));
    this.#deps.book.deleted(metadata.name, metadata.uid, outcome);
  }

  async #order<T>(host: LabHost, question: () => Promise<Called<T>>): Promise<{ value?: T; outcome: Outcome }> {
    return ask(question, host === this.#deps.leaving);
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

/** @param leaving what it was alone with is lost with a host that leaves for good: a write that it answered with a warning counts as not answered */
async function ask<T>(question: () => Promise<Called<T>>, leaving = false): Promise<{ value?: T; outcome: Outcome }> {
  try {
    const { value, warned } = await question();
    return { value, outcome: warned && leaving ? 'unknown' : 'acknowledged' };
  } catch (error) {
    return { outcome: error instanceof ApiError && error.status < 500 ? 'refused' : 'unknown' };
  }
}
