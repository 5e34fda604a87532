import { setTimeout as pause } from 'node:timers/promises';
import type { KindDefinition } from '../protocol/kinds/kind.ts';
import type { KubeObject } from '../protocol/objects.ts';
import type { ApiClient } from './client.ts';
import { apiPath } from './context.ts';
import { ApiError } from './errors.ts';

/** HTTP 410: the peer can not go on from there. */
const EXPIRED = 410;
/** Before the object is listed again, so that a peer that ends every watch at once is not asked without end. */
const AGAIN_AFTER_MS = 200;

export interface Followed {
  kind: KindDefinition;
  namespace: string | undefined;
  name: string;
}

/**
 * One object as it is, and then each time that it changes; undefined while there is none of that name. A watch ends when its peer lets go of it, and a peer that has
 * started anew can not go on from before: the object is read again, and may have changed more than once meanwhile. Ends with the signal.
 */
export async function* followObject(client: ApiClient, which: Followed, signal: AbortSignal): AsyncGenerator<KubeObject | undefined> {
  const path = apiPath(which.kind, which.namespace);
  const query = { fieldSelector: `metadata.name=${which.name}` };
  while (!signal.aborted) {
    const { metadata, items } = await client.get<{ metadata: { resourceVersion: string }; items: KubeObject[] }>(path, query);
    yield items[0];
    try {
      for await (const { type, object } of client.watch({ path, query: { ...query, resourceVersion: metadata.resourceVersion }, signal })) {
        if (type === 'ERROR') break;
        if (type !== 'BOOKMARK') yield type === 'DELETED' ? undefined : (object as KubeObject);
      }
    } catch (error) {
      if (!(error instanceof ApiError && error.status === EXPIRED)) throw error;
    }
    await pause(AGAIN_AFTER_MS, undefined, { signal }).catch(() => undefined);
  }
}
