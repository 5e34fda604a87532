import type { ApiClient } from '../../cli/client.ts';
import { ApiError } from '../../cli/errors.ts';
import type { KubeObject } from '../../protocol/objects.ts';

const EXPIRED = 410;
const PAUSE_MS = 100;

/**
 * A cache of one resource as client libraries keep it (client-go's reflector): list, then watch from the list's version; when the connection breaks, watch on from the last
 * version, here at the next server; list again when that is refused as expired.
 */
export class Informer {
  readonly cache = new Map<string, KubeObject>();
  /** How often a server said that it can not go on from our version. */
  expired = 0;
  /** Index of the server that is asked. */
  server = 0;
  readonly #clients: readonly ApiClient[];
  readonly #path: string;
  #version: string | undefined;

  constructor(clients: readonly ApiClient[], path: string) {
    this.#clients = clients;
    this.#path = path;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#version ??= await this.#list();
        await this.#watch(this.#version, signal);
      } catch (error) {
        if (error instanceof ApiError && error.status === EXPIRED) {
          this.expired += 1;
          this.#version = undefined;
          continue;
        }
        this.server = (this.server + 1) % this.#clients.length;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }

  async #list(): Promise<string> {
    const list = await this.#client().get<{ items: KubeObject[]; metadata: { resourceVersion: string } }>(this.#path);
    this.cache.clear();
    for (const item of list.items) this.cache.set(keyOf(item), item);
    return list.metadata.resourceVersion;
  }

  async #watch(version: string, signal: AbortSignal): Promise<void> {
    const request = { path: this.#path, query: { resourceVersion: version, allowWatchBookmarks: 'true' }, signal };
    for await (const { type, object } of this.#client().watch(request)) {
      if (type === 'ERROR') throw new ApiError((object as { code: number }).code, 'Expired', 'the watch ended');
      const item = object as KubeObject;
      if (type === 'DELETED') this.cache.delete(keyOf(item));
      else if (type !== 'BOOKMARK') this.cache.set(keyOf(item), item);
      this.#version = item.metadata.resourceVersion;
    }
    // A server that goes away ends its answer in the middle.
    throw new Error('the watch ended');
  }

  #client(): ApiClient {
    const client = this.#clients[this.server];
    if (client === undefined) throw new Error('no such server');
    return client;
  }
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
