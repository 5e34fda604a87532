/** What is needed to judge a Job that was not over in time, kept where it outlives the cluster that it ran on. */
import { copyFile, cp, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ApiClient } from '../../cli/client.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import type { ChurnPeer } from './churn-samples.ts';

type Pod = KubeObject & { spec?: { nodeName?: string }; status?: { phase?: string } };

const NAMESPACE = '/api/v1/namespaces/default';

/** @returns what to tell of it: where its pods are by each peer, and the folder with all of it (objects as each peer shows them, daemons' logs, files of the process runtime) */
export async function keepStuckJob(peers: readonly ChurnPeer[], name: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'kith-stuck-job-'));
  const lines: string[] = [];
  for (const peer of peers) {
    const seen = await seenBy(peer.client, name);
    await writeFile(path.join(folder, `${peer.node}.json`), JSON.stringify(seen, null, 2));
    await copyFile(peer.logFile, path.join(folder, `${peer.node}.log`)).catch(() => undefined);
    const pods = podsIn(seen.pods);
    for (const { metadata } of pods) await keepFiles(peer, metadata.uid, path.join(folder, peer.node));
    const told = pods.map(({ metadata, spec, status }) => `${metadata.name} is ${status?.phase ?? '?'} on ${spec?.nodeName ?? 'no node'}`);
    lines.push(`${peer.node} says: ${told.length === 0 ? 'it has no pods' : told.join(', ')}`);
  }
  return `${lines.join('; ')}. Its objects and Events by each peer, and the daemons' logs, are in ${folder}`;
}

async function seenBy(client: ApiClient, name: string): Promise<Record<'job' | 'pods' | 'events' | 'nodes' | 'peers', unknown>> {
  const get = async (where: string, query?: Record<string, string>): Promise<unknown> =>
    client.get(where, query).catch((error: unknown) => ({ error: (error as Error).message }));
  return {
    job: await get(`/apis/batch/v1/namespaces/default/jobs/${name}`),
    pods: await get(`${NAMESPACE}/pods`, { labelSelector: `job-name=${name}` }),
    events: await get(`${NAMESPACE}/events`),
    nodes: await get('/api/v1/nodes'),
    peers: await get('/kith.dev/v1/peers'),
  };
}

function podsIn(answer: unknown): readonly Pod[] {
  return (answer as { items?: Pod[] }).items ?? [];
}

/** `shim`, `running`, `ended` and the like: how far the process runtime came with the pod. */
async function keepFiles(peer: ChurnPeer, uid: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await cp(path.join(peer.dataDir, 'process', 'pods', uid), path.join(folder, uid), { recursive: true }).catch(() => undefined);
}
