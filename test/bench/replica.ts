import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { AutomergeDocuments } from '../../daemon/adapters/automerge/documents.ts';
import { LevelStore } from '../../daemon/adapters/level-store/level-store.ts';
import { createLog } from '../../daemon/adapters/system/log.ts';
import { DocumentReplica } from '../../daemon/peer/replica/document-replica.ts';
import type { Mutation } from '../../protocol/desired.ts';
import { kindOfResource } from '../../protocol/kinds/registry.ts';
import { validateMerged } from '../../protocol/kinds/merged.ts';
import { objectKey } from '../../protocol/objects.ts';
import type { Pod } from '../../protocol/types.ts';
import { rounded, type BenchArguments } from './args.ts';

const DEFAULT_OBJECTS = 10_000;
const CREATE_BATCH = 500;
/** Writers at once, each waiting for its own fsync, as API requests do. */
const WRITERS = 8;
const DEFAULT_WRITES = 4_000;

export interface ReplicaFigures {
  writesPerSecond: number;
  load10kMs: number;
  bytesPerObject: number;
}

/** The real store and real documents on this machine's disk: single updates a second (each fsynced), start with 10,000 pods, bytes on disk a pod. */
export async function benchReplica(given: BenchArguments, say: (text: string) => void): Promise<ReplicaFigures> {
  const objects = given.numbers.get('objects') ?? DEFAULT_OBJECTS;
  const writes = given.numbers.get('writes') ?? DEFAULT_WRITES;
  const folder = await mkdtemp(path.join(tmpdir(), 'kith-bench-'));
  try {
    say(`replica: writing ${objects} pods`);
    let { store, replica } = await open(folder);
    for (let from = 0; from < objects; from += CREATE_BATCH) {
      await replica.write(Array.from({ length: Math.min(CREATE_BATCH, objects - from) }, (_, index) => createPod(from + index)));
    }
    say(`replica: ${writes} single updates by ${WRITERS} writers`);
    const began = performance.now();
    await Promise.all(Array.from({ length: WRITERS }, async (_, writer) => updates(replica, objects, writes / WRITERS, writer)));
    const writesPerSecond = (writes * 1000) / (performance.now() - began);
    await replica.stop();
    await store.close();
    const bytesPerObject = (await folderBytes(folder)) / objects;
    say('replica: starting again');
    const restarted = performance.now();
    ({ store, replica } = await open(folder));
    const loadMs = performance.now() - restarted;
    await replica.stop();
    await store.close();
    return {
      writesPerSecond: Math.round(writesPerSecond),
      load10kMs: rounded((loadMs * 10_000) / objects, 0),
      bytesPerObject: Math.round(bytesPerObject),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function open(folder: string): Promise<{ store: LevelStore; replica: DocumentReplica }> {
  const store = new LevelStore({ directory: path.join(folder, 'store') });
  await store.open();
  const log = createLog({ write: (line) => void process.stderr.write(line) }, { level: 'warn', format: 'text', now: () => Date.now() });
  const replica = new DocumentReplica(
    { store, documents: new AutomergeDocuments(), log },
    {
      clusterId: 'bench',
      actor: randomBytes(16).toString('hex'),
      randomId: () => randomBytes(16).toString('hex'),
      mergeUnitsOf: (resource) => kindOfResource(resource)?.mergeUnits,
      validate: (object) => validateMerged(object)[0]?.message,
    },
  );
  await replica.start();
  return { store, replica };
}

function createPod(index: number): Mutation {
  const name = `pod-${index}`;
  const object: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: '', creationTimestamp: '2026-01-01T00:00:00Z', labels: { app: `app-${index % 100}` } },
    spec: {
      containers: [
        {
          name: 'web',
          image: 'nginx:1.8',
          ports: [{ containerPort: 80, protocol: 'TCP' }],
          resources: { requests: { cpu: '50m', memory: '32Mi' } },
        },
      ],
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      securityContext: {},
    },
  };
  return { type: 'create', key: objectKey('pods', 'default', name), object };
}

async function updates(replica: DocumentReplica, objects: number, count: number, writer: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    const held = replica.get(objectKey('pods', 'default', `pod-${(writer * 997 + turn * 31) % objects}`));
    if (held === undefined) throw new Error('a pod is missing');
    const labels = { ...held.object.metadata.labels, turn: `${writer}-${turn}` };
    const next = { ...held.object, metadata: { ...held.object.metadata, labels } };
    await replica.write([{ type: 'update', key: held.key, uid: held.uid, base: held.object, next }]);
  }
}

async function folderBytes(folder: string): Promise<number> {
  let total = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) total += (await stat(path.join(entry.parentPath, entry.name))).size;
  }
  return total;
}
