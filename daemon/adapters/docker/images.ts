import { KithError } from '../../../protocol/errors.ts';
import { CHANGE_TIMEOUT_MS, EngineRefusal, jsonLines, READ_TIMEOUT_MS } from './client.ts';
import type { PulledImage, RegistryCredential } from '../../ports/runtime.ts';
import type { EngineClient } from './client.ts';

/** A pull that shows no progress for this long is given up; the engine itself tries a registry for about 30 s. */
const PULL_IDLE_MS = 90_000;
/** A pull as a whole. */
const PULL_TIMEOUT_MS = 30 * 60_000;

/** Undefined when the engine does not have it. */
export async function inspectImage(
  client: EngineClient,
  image: string,
  signal?: AbortSignal,
): Promise<{ id: string; user: string; sizeBytes?: number } | undefined> {
  if (!isImageReference(image)) return undefined;
  try {
    const found = await client.call<{ Id: string; Size?: number; Config?: { User?: string } }>({
      method: 'GET',
      path: `/images/${encodeReference(image)}/json`,
      timeoutMs: READ_TIMEOUT_MS,
      signal,
    });
    return { id: found.Id, user: found.Config?.User ?? '', ...(found.Size === undefined ? {} : { sizeBytes: found.Size }) };
  } catch (error) {
    if (error instanceof EngineRefusal && (error.status === 404 || error.status === 400)) return undefined;
    throw error;
  }
}

/** Many pods of one image start at once: what was seen this short a time ago need not be looked at again. */
const PRESENT_MS = 1_000;

/** Which images are there, asked once for all who ask at the same time. */
export class ImageLooks {
  readonly #client: EngineClient;
  readonly #looks = new Map<string, { at: number; found: Promise<string | undefined> }>();

  constructor(client: EngineClient) {
    this.#client = client;
  }

  /** @returns its id */
  async find(image: string, signal?: AbortSignal): Promise<string | undefined> {
    signal?.throwIfAborted();
    const now = performance.now();
    for (const [name, { at }] of this.#looks) if (now - at > PRESENT_MS) this.#looks.delete(name);
    let look = this.#looks.get(image);
    if (look === undefined) {
      look = { at: now, found: inspectImage(this.#client, image).then((found) => found?.id) };
      this.#looks.set(image, look);
    }
    const found = await look.found.catch((error: unknown) => {
      this.forget(image);
      throw error;
    });
    if (found === undefined) this.forget(image);
    return found;
  }

  forget(image: string): void {
    this.#looks.delete(image);
  }
}

/**
 * Has the engine pull. Its answer is 200 and a stream of progress, in which the failure stands.
 * @throws KithError `ImageNotFound`, `ImagePullFailed`, with the registry's words
 */
export async function pullImage(
  client: EngineClient,
  image: string,
  signal?: AbortSignal,
  credential?: RegistryCredential,
): Promise<PulledImage> {
  if (!isImageReference(image)) throw new KithError('ImageNotFound', `"${image}" is no image name`);
  const { name, tag } = splitReference(image);
  const idle = new AbortController();
  // Timers hold their controllers: `AbortSignal.timeout` that only `AbortSignal.any` knows is collected, and never fires (Node 20.20).
  const whole = new AbortController();
  const timer = setTimeout(() => idle.abort(), PULL_IDLE_MS);
  const limit = setTimeout(() => whole.abort(), PULL_TIMEOUT_MS);
  try {
    const stream = await client.stream({
      method: 'POST',
      path: '/images/create',
      query: { fromImage: name, tag },
      credential,
      timeoutMs: PULL_IDLE_MS,
      signal: AbortSignal.any([idle.signal, whole.signal, ...(signal === undefined ? [] : [signal])]),
    });
    for await (const line of jsonLines(stream)) {
      timer.refresh();
      const said = (line as { error?: string; errorDetail?: { message?: string } }).error;
      if (said !== undefined) throw pullFailure(image, said);
    }
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    if (error instanceof EngineRefusal) throw pullFailure(image, error.message);
    if (error instanceof KithError && error.code !== 'RuntimeUnavailable') throw error;
    if (idle.signal.aborted) throw pullFailure(image, `no progress for ${PULL_IDLE_MS / 1000} s`);
    throw error;
  } finally {
    clearTimeout(timer);
    clearTimeout(limit);
  }
  const found = await inspectImage(client, image, signal);
  if (found === undefined) throw pullFailure(image, 'the engine pulled it and does not have it');
  return { ...found, ...(credential === undefined ? {} : { credential }) };
}

/** With one credential after the other, until the registry takes one. @throws what the last pull throws */
export async function pullWithAny(
  client: EngineClient,
  image: string,
  credentials: readonly RegistryCredential[],
  signal?: AbortSignal,
): Promise<PulledImage> {
  for (const credential of credentials.slice(0, -1)) {
    try {
      return await pullImage(client, image, signal, credential);
    } catch (error) {
      if (!(error instanceof KithError) || error.code === 'RuntimeUnavailable') throw error;
    }
  }
  return pullImage(client, image, signal, credentials.at(-1));
}

/** Registries differ in their words; these all mean that there is no such image (or none that we may see). */
function pullFailure(image: string, said: string): KithError {
  const missing = /not found|manifest unknown|does not exist|pull access denied|no such image|invalid reference format/i.test(said);
  const unreachable = /lookup|dial|timeout|connection refused|no route/i.test(said);
  return new KithError(missing && !unreachable ? 'ImageNotFound' : 'ImagePullFailed', `failed to pull image "${image}": ${said}`);
}

/** Makes an image of one layer from a tar archive. `changes` are lines of a Dockerfile. */
export async function importImage(
  client: EngineClient,
  image: { repository: string; tag: string; changes: readonly string[] },
  archive: NodeJS.ReadableStream,
  signal?: AbortSignal,
): Promise<void> {
  const stream = await client.stream({
    method: 'POST',
    path: '/images/create',
    query: { fromSrc: '-', repo: image.repository, tag: image.tag, changes: [...image.changes] },
    upload: archive,
    timeoutMs: CHANGE_TIMEOUT_MS,
    signal,
  });
  for await (const line of jsonLines(stream)) {
    const said = (line as { error?: string }).error;
    if (said !== undefined)
      throw new KithError('ImagePullFailed', `the engine does not take the image ${image.repository}:${image.tag}: ${said}`);
  }
}

/** `repo:tag` or `repo@digest`; without either it is `latest`, or the engine would pull every tag. */
export function splitReference(image: string): { name: string; tag: string } {
  const at = image.indexOf('@');
  if (at >= 0) return { name: image.slice(0, at), tag: image.slice(at + 1) };
  const colon = image.indexOf(':', image.lastIndexOf('/') + 1);
  return colon < 0 ? { name: image, tag: 'latest' } : { name: image.slice(0, colon), tag: image.slice(colon + 1) };
}

/** Coarse on purpose: it keeps out what could leave the path of a request; the engine judges the rest. */
function isImageReference(image: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}$/.test(image) && !image.includes('..') && !image.includes('//');
}

function encodeReference(image: string): string {
  return image.split('/').map(encodeURIComponent).join('/');
}
