import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../../../daemon/adapters/system/clock.ts';
import { httpClient } from '../../../daemon/adapters/http-client/http-client.ts';
import { UnixServer } from '../../../daemon/adapters/https/unix-server.ts';
import { Api } from '../../../daemon/api/api.ts';
import type { ApiDeps } from '../../../daemon/api/deps.ts';
import { kindsServed } from '../../../daemon/core/custom/served.ts';
import { ObjectCache } from '../../../daemon/peer/object-cache.ts';
import type { Log } from '../../../daemon/ports/log.ts';
import type { NodeLogRequest } from '../../../daemon/ports/logs.ts';
import type { LogChunk } from '../../../daemon/ports/runtime.ts';
import type { DesiredWriter } from '../../../daemon/ports/objects.ts';
import type { Mutation } from '../../../protocol/desired.ts';
import { KithError } from '../../../protocol/errors.ts';
import { jsonEqual } from '../../../protocol/json.ts';
import type { DesiredObject, KubeObject, ObjectKey, StoredObject } from '../../../protocol/objects.ts';
import type { KindDefinition } from '../../../protocol/kinds/kind.ts';

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog };

/** Desired state in a Map: what a replica does, without documents, merging or disk. */
export class MemoryDesired implements DesiredWriter {
  readonly objects = new Map<ObjectKey, DesiredObject>();
  readonly buried = new Map<ObjectKey, number>();
  private readonly lists = new Map<string, readonly DesiredObject[]>();
  readonly batches: (readonly Mutation[])[] = [];
  warnings: string[] = [];
  onWritten: (keys: ObjectKey[]) => void = () => undefined;

  read(key: ObjectKey): DesiredObject | undefined {
    return this.objects.get(key);
  }

  get(key: ObjectKey): DesiredObject | undefined {
    return this.objects.get(key);
  }

  /** The same list until something changes, as views give it. */
  list(resource: string): readonly DesiredObject[] {
    const list = this.lists.get(resource) ?? [...this.objects.values()].filter(({ key }) => key.startsWith(`${resource}/`));
    this.lists.set(resource, list);
    return list;
  }

  buriedLife(key: ObjectKey): number {
    return this.buried.get(key) ?? 0;
  }

  async write(mutations: readonly Mutation[]): Promise<{ objects: DesiredObject[]; warnings: string[] }> {
    const objects = mutations.map((mutation) => this.apply(mutation));
    this.batches.push(mutations);
    this.onWritten(mutations.map(({ key }) => key));
    await Promise.resolve();
    return { objects, warnings: this.warnings };
  }

  put(key: ObjectKey, object: StoredObject): DesiredObject {
    const life = this.objects.get(key)?.life ?? this.buriedLife(key) + 1;
    const uid = object.metadata.uid === '' ? `uid-${key.replaceAll('/', '-')}-${life}` : object.metadata.uid;
    const made: DesiredObject = { key, life, uid, object: { ...object, metadata: { ...object.metadata, uid } }, heads: [], conflicts: [] };
    this.objects.set(key, made);
    this.lists.clear();
    return made;
  }

  private apply(mutation: Mutation): DesiredObject {
    const { key } = mutation;
    const there = this.objects.get(key);
    if (mutation.type === 'create') {
      if (there !== undefined) throw new KithError('AlreadyExists', `${key} exists already`);
      return this.put(key, { ...mutation.object, metadata: { ...mutation.object.metadata, generation: 1 } });
    }
    if (there === undefined) throw new KithError('NotFound', `${key} is not there`);
    if (there.uid !== mutation.uid) throw new KithError('UidMismatch', `${key} has another uid`);
    if (mutation.type === 'bury') {
      this.objects.delete(key);
      this.lists.clear();
      this.buried.set(key, there.life);
      return there;
    }
    const step = jsonEqual(mutation.base['spec'], mutation.next['spec']) ? 0 : 1;
    const metadata = { ...mutation.next.metadata, generation: (there.object.metadata.generation ?? 1) + step };
    return this.put(key, { ...mutation.next, metadata });
  }
}

async function noStream(): Promise<never> {
  throw new KithError('NotFound', 'nothing runs here');
}

/** A peer's API over a unix socket, with nothing behind it but memory. */
export async function apiWorld(options: { kinds?: readonly KindDefinition[]; deps?: Partial<ApiDeps> } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'kith-api-'));
  const path = join(folder, 'kith.sock');
  const desired = new MemoryDesired();
  const statuses = new Map<ObjectKey, object>();
  const render = (key: ObjectKey): KubeObject | undefined => {
    const found = desired.read(key);
    if (found === undefined) return undefined;
    const { kith, ...shown } = found.object;
    const node = kith?.binding?.node;
    const status = statuses.get(key);
    return {
      ...shown,
      ...(node === undefined ? {} : { spec: { ...(shown['spec'] as object), nodeName: node } }),
      ...(status === undefined ? {} : { status }),
    };
  };
  const cache = new ObjectCache({ clock: systemClock, render }, { peerId: 'peer-a' });
  await cache.start();
  desired.onWritten = (keys) => cache.changed(keys);
  const logRequests: NodeLogRequest[] = [];
  const logLines: { chunks: LogChunk[]; fail?: Error; hang?: boolean } = { chunks: [] };
  const deps: ApiDeps = {
    objects: cache,
    desired,
    logs: {
      async *open(request, signal) {
        logRequests.push(request);
        for (const chunk of logLines.chunks) yield chunk;
        if (logLines.hang === true && !signal.aborted) {
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        }
        if (logLines.fail !== undefined) throw logLines.fail;
      },
    },
    kinds: () => kindsServed(desired),
    rbac: desired,
    streams: { exec: noStream, attach: noStream, connect: noStream },
    httpClient,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    authenticateToken: async (token) =>
      token === 'admin-token'
        ? { user: 'admin', groups: ['system:masters'] }
        : token === 'guest-token'
          ? { user: 'guest', groups: [] }
          : undefined,
    nodeIsMember: (node) => node.startsWith('node-'),
    bindingAuthor: () => ({ membersSeen: 2, membersKnown: 3, term: 7 }),
    unready: () => [],
    kith: {
      peers: () => ({ cluster: 'c', self: 'peer-a', leader: { peer: 'peer-a', term: 1 }, complete: true, removed: false, peers: [] }),
      conflicts: () => ({ conflicts: [], quarantined: [] }),
      sizes: () => ({ objects: 0, tombstones: 0, documentBytes: 0, changes: 0, longest: [] }),
      digest: ({ objects }) => ({ digest: 'd', count: 0, ...(objects ? { objects: {} } : {}) }),
      manifests: () => ({ folder: undefined, files: [] }),
      net: () => {
        throw new Error('there is no network in this world');
      },
      doctor: async (node) => ({ by: node ?? 'node-1', nodes: [], findings: [] }),
      createToken: async ({ ttlSeconds }) => ({ token: `kith1.${ttlSeconds ?? 'default'}`, expiresAt: '2026-01-02T00:00:00Z' }),
      join: async (body, { remoteAddress, exporter }) => ({
        status: 200,
        body: { body, remoteAddress, exported: exporter === undefined ? null : Buffer.from(exporter('EXPORTER-kith', 32)).toString('hex') },
      }),
    },
    ...options.deps,
  };
  const api = new Api(deps, { kithVersion: '0.1.0', kinds: options.kinds });
  const server = new UnixServer({ handler: api.handle, log: silentLog }, { path });
  await server.start();
  const set = (key: ObjectKey, object: StoredObject, status?: object): void => {
    desired.put(key, object);
    if (status !== undefined) statuses.set(key, status);
    cache.changed([key]);
  };
  for (const name of ['default', 'other']) set(`namespaces//${name}`, namespace(name));
  return {
    path,
    api,
    deps,
    desired,
    cache,
    server,
    statuses,
    set,
    logLines,
    logRequests,
    call: (method: string, url: string, body?: unknown, headers: Record<string, string> = {}) => call(path, method, url, body, headers),
    open: (url: string, headers: Record<string, string> = {}) => openStream(path, url, headers),
    async stop() {
      await server.stop();
      await cache.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export type ApiWorld = Awaited<ReturnType<typeof apiWorld>>;

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
  /** Parsed, if it is JSON. */
  body: Record<string, unknown> & {
    metadata: Record<string, unknown>;
    items: KubeObject[];
    message: string;
    reason: string;
    details: Record<string, unknown>;
  };
}

export async function call(
  socketPath: string,
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const payload = body === undefined ? undefined : typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  // Node's client sends no length with DELETE by itself, and so no body.
  const type: Record<string, string> =
    payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) };
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, method, path: url, headers: { ...type, ...headers }, agent: false }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('error', reject);
      reply.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = reply.headers['content-type']?.includes('json') === true && text !== '';
        resolve({ status: reply.statusCode ?? 0, headers: reply.headers, text, body: (isJson ? JSON.parse(text) : {}) as Answer['body'] });
      });
    });
    request.on('error', reject);
    request.end(payload);
  });
}

export interface WatchLine {
  type: string;
  object: KubeObject & { rows?: { cells: unknown[]; object: KubeObject }[]; columnDefinitions?: { name: string }[] | null; code?: number };
}

/** An open answer of lines. */
export async function openStream(socketPath: string, url: string, headers: Record<string, string> = {}) {
  const reply = await new Promise<IncomingMessage>((resolve, reject) => {
    httpRequest({ socketPath, path: url, headers, agent: false }, resolve).on('error', reject).end();
  });
  const lines = textLines(reply);
  const next = async (): Promise<WatchLine> => {
    const result = await lines.next();
    if (result.done === true) throw new Error('the stream has ended');
    return JSON.parse(result.value) as WatchLine;
  };
  return {
    status: reply.statusCode,
    headers: reply.headers,
    lines,
    next,
    async take(count: number): Promise<WatchLine[]> {
      const taken: WatchLine[] = [];
      while (taken.length < count) taken.push(await next());
      return taken;
    },
    close: () => reply.destroy(),
  };
}

async function* textLines(reply: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
  if (rest !== '') yield rest;
}

export function namespace(name: string): StoredObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, uid: '', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { finalizers: ['kubernetes'] },
  };
}

export function podManifest(name: string, extra: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: { containers: [{ name: 'web', image: 'nginx:1.25' }] },
    ...extra,
  };
}

export function deploymentManifest(name: string, replicas = 2): Record<string, unknown> {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'web', image: 'nginx:1.25' }] } },
    },
  };
}
