import { performance } from 'node:perf_hooks';
import { ApiError } from '../../cli/errors.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import { waitFor } from '../support/wait.ts';
import { choiceOption, rounded, type BenchArguments } from './args.ts';
import { ChurnSampler } from './churn-samples.ts';
import type { ChurnPeer, ChurnSample } from './churn-samples.ts';
import { keepStuckJob } from './churn-stuck.ts';
import { withPeers } from './peers.ts';
import { withLab } from './with-lab.ts';

const DEFAULTS = {
  jobs: 1_000,
  /** Times that so many come and go, with rest between them: memory that grows with each is a leak. */
  rounds: 1,
  /** Jobs that are there at once. */
  parallel: 24,
  /** CronJobs that fire every minute, and for how long: 24 of them for 4 minutes are 96 runs. */
  crons: 24,
  minutes: 4,
  /** Of one Deployment, one after the other. */
  rollouts: 24,
  /** Times that a Lease is renewed meanwhile, as who holds one does every other second: so many are about an hour. */
  renewals: 2_000,
  /** Graves are kept for ten minutes after all peers hold them. */
  settle: 720,
  /** Seconds that one Job may take until it is over. */
  patience: 300,
};
const TTL_SECONDS = 5;
const STEP_TIMEOUT_MS = 300_000;
const SAMPLE_MS = 5_000;
const PODS = '/api/v1/namespaces/default/pods';
const JOBS = '/apis/batch/v1/namespaces/default/jobs';
const CRON_JOBS = '/apis/batch/v1/namespaces/default/cronjobs';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';

export interface ChurnFigures {
  runtime: string;
  jobs: number;
  rounds: number;
  /** From the first Job's creation until the last one is gone, of all rounds. */
  jobsSeconds: number;
  cronRuns: number;
  rollouts: number;
  renewals: number;
  /** What there was at most in each phase, and at its end. */
  phases: Record<string, { most: Omit<ChurnSample, 'phase' | 'atS' | 'engine'>; end: Omit<ChurnSample, 'phase'> }>;
  samples: ChurnSample[];
}

type Found = KubeObject & { status?: Record<string, unknown> };
type Wanted = typeof DEFAULTS;

/**
 * Three daemons, and work that comes and goes: Jobs of a second each, then CronJobs, rollouts and a Lease that is renewed again and again, then rest until graves are forgotten.
 * What daemons keep of it all is looked at every 5 s.
 */
export async function benchChurn(given: BenchArguments, say: (text: string) => void): Promise<ChurnFigures> {
  const wanted = Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, given.numbers.get(name) ?? value])) as Wanted;
  const runtime = choiceOption(given, 'runtime', ['docker', 'process'], 'docker');
  say(`churn: three hosts, ${wanted.jobs} Jobs of a second each, ${wanted.parallel} at a time; runtime ${runtime}`);
  const log = choiceOption(given, 'log', ['info', 'debug'], 'info');
  if (runtime === 'process') {
    return withPeers(3, async ({ peers }) => churn(peers, { wanted, runtime, say }), ['--log-level', log]);
  }
  return withLab(3, say, async (lab) => {
    await lab.startCluster();
    const peers = lab.hosts.map((host) => ({ node: host.node, dataDir: host.dataDir, logFile: host.daemonLog, client: host.client, host }));
    return churn(peers, { wanted, runtime, say });
  });
}

async function churn(
  peers: readonly ChurnPeer[],
  { wanted, runtime, say }: { wanted: Wanted; runtime: string; say: (text: string) => void },
): Promise<ChurnFigures> {
  const sampler = new ChurnSampler(peers);
  const phase = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    sampler.phase = name;
    const result = await work();
    say(`churn: ${JSON.stringify(await sampler.take(true))}`);
    return result;
  };
  await phase('before', async () => Promise.resolve());
  sampler.start(SAMPLE_MS);
  try {
    let jobsSeconds = 0;
    for (let round = 1; round <= wanted.rounds; round += 1) {
      if (round > 1) await phase(`rest before round ${round}`, async () => rest(sampler, wanted.settle));
      jobsSeconds += await phase(round === 1 ? 'jobs' : `jobs, round ${round}`, async () => runJobs(peers, wanted, round));
    }
    const [cronRuns] = await phase('day', async () =>
      Promise.all([runCrons(peers, wanted), rollOut(peers, wanted.rollouts), renew(peers, wanted.renewals)]),
    );
    await phase('rest', async () => rest(sampler, wanted.settle));
    const { jobs, rounds, rollouts, renewals } = wanted;
    const { samples } = sampler;
    return { runtime, jobs, rounds, jobsSeconds, cronRuns, rollouts, renewals, phases: phasesOf(samples), samples };
  } finally {
    sampler.stop();
  }
}

/** As many at once as wanted, each at another peer; its successor is made when it is gone. */
async function runJobs(peers: readonly ChurnPeer[], wanted: Wanted, round: number): Promise<number> {
  const { jobs, parallel } = wanted;
  const began = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < jobs) {
      const number = (next += 1);
      const { client } = at(peers, number);
      const name = `churn-${round}-${number}`;
      await client.call({ method: 'POST', path: JOBS, body: { kind: 'Job', apiVersion: 'batch/v1', metadata: { name }, spec: jobSpec() } });
      const isOver = async (): Promise<boolean> => {
        const job = await find(peers, number, `${JOBS}/${name}`);
        if (job?.status?.['failed'] !== undefined) throw new Error(`${name} failed: ${JSON.stringify(job.status)}`);
        return job === undefined || job.status?.['completionTime'] !== undefined;
      };
      await waitFor(`${name} is over`, isOver, { timeoutMs: wanted.patience * 1000, everyMs: 500 }).catch(async (error: unknown) => {
        throw new Error(`${(error as Error).message}. ${await keepStuckJob(peers, name)}`, { cause: error });
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, jobs) }, lane));
  await waitFor('all Jobs are gone', async () => (await count(peers, JOBS)) === 0, { timeoutMs: STEP_TIMEOUT_MS, everyMs: 500 });
  return rounded((performance.now() - began) / 1000, 1);
}

/** @returns how often they fired */
async function runCrons(peers: readonly ChurnPeer[], { crons, minutes }: Wanted): Promise<number> {
  const names = Array.from({ length: crons }, (_, index) => `tick-${index}`);
  const limits = { successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 1 };
  for (const [index, name] of names.entries()) {
    const spec = { schedule: '* * * * *', ...limits, jobTemplate: { spec: jobSpec() } };
    await at(peers, index).client.call({
      method: 'POST',
      path: CRON_JOBS,
      body: { kind: 'CronJob', apiVersion: 'batch/v1', metadata: { name }, spec },
    });
  }
  const seen = new Set<string>();
  const until = performance.now() + minutes * 60_000;
  await waitFor(
    'the time is over',
    async () => {
      for (const { metadata } of await list(peers, JOBS)) seen.add(metadata.uid);
      return performance.now() > until;
    },
    { timeoutMs: minutes * 60_000 + STEP_TIMEOUT_MS, everyMs: 1_000 },
  );
  for (const [index, name] of names.entries()) await remove(at(peers, index), `${CRON_JOBS}/${name}`);
  await waitFor('their Jobs are gone', async () => (await count(peers, JOBS)) === 0, { timeoutMs: STEP_TIMEOUT_MS, everyMs: 500 });
  return seen.size;
}

async function rollOut(peers: readonly ChurnPeer[], rollouts: number): Promise<void> {
  const path = `${DEPLOYMENTS}/web`;
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, containers: [container('100000')] } };
  const spec = { replicas: 3, revisionHistoryLimit: 2, selector: { matchLabels: labels }, template };
  const body = { kind: 'Deployment', apiVersion: 'apps/v1', metadata: { name: 'web' }, spec };
  await at(peers, 0).client.call({ method: 'POST', path: DEPLOYMENTS, body });
  await waitKnown(peers, path);
  for (let rollout = 1; rollout <= rollouts; rollout += 1) {
    const annotations = { rollout: String(rollout) };
    await patch(at(peers, rollout), path, { spec: { template: { metadata: { annotations } } } });
    await waitFor(`rollout ${rollout} is through`, async () => isRolledOut(await find(peers, rollout, path)), {
      timeoutMs: STEP_TIMEOUT_MS,
      everyMs: 200,
    });
  }
  await remove(at(peers, 1), path);
  const ofWeb = async (): Promise<boolean> => (await list(peers, PODS, { labelSelector: 'app=web' })).length === 0;
  await waitFor('its pods are gone', ofWeb, { timeoutMs: STEP_TIMEOUT_MS, everyMs: 500 });
}

function isRolledOut(found: Found | undefined): boolean {
  const status = found?.status ?? {};
  return (
    status['observedGeneration'] === found?.metadata.generation && status['updatedReplicas'] === 3 && status['availableReplicas'] === 3
  );
}

async function renew(peers: readonly ChurnPeer[], renewals: number): Promise<void> {
  const body = { kind: 'Lease', apiVersion: 'coordination.k8s.io/v1', metadata: { name: 'holder' }, spec: { holderIdentity: 'bench' } };
  await at(peers, 0).client.call({ method: 'POST', path: LEASES, body });
  await waitKnown(peers, `${LEASES}/holder`);
  for (let renewal = 0; renewal < renewals; renewal += 1) {
    // One holder for a while, then another.
    const holder = Math.floor(renewal / 100);
    const spec = { holderIdentity: `bench-${holder}`, renewTime: new Date().toISOString().replace('Z', '000Z') };
    await patch(at(peers, holder), `${LEASES}/holder`, { spec });
  }
}

/** What was made at one peer reaches the others a moment later. */
async function waitKnown(peers: readonly ChurnPeer[], path: string): Promise<void> {
  const all = async (): Promise<boolean> =>
    (await Promise.all(peers.map(async (_, number) => find(peers, number, path)))).every((found) => found !== undefined);
  await waitFor(`all peers know ${path}`, all, { timeoutMs: STEP_TIMEOUT_MS, everyMs: 50 });
}

/** Until nothing is left to forget, or so many seconds are over. */
async function rest(sampler: ChurnSampler, seconds: number): Promise<void> {
  const until = performance.now() + seconds * 1000;
  await waitFor('graves are forgotten', async () => performance.now() > until || (await sampler.take()).tombstones === 0, {
    timeoutMs: seconds * 1000 + STEP_TIMEOUT_MS,
    everyMs: SAMPLE_MS,
  });
}

function phasesOf(samples: readonly ChurnSample[]): ChurnFigures['phases'] {
  const phases: ChurnFigures['phases'] = {};
  for (const { phase, ...sample } of samples) {
    const { atS: _at, engine: _engine, ...figures } = sample;
    const most = { ...(phases[phase]?.most ?? figures) };
    for (const name of Object.keys(figures) as (keyof typeof figures)[]) most[name] = Math.max(most[name], figures[name]);
    phases[phase] = { most, end: sample };
  }
  return phases;
}

function jobSpec(): object {
  const spec = { restartPolicy: 'Never', terminationGracePeriodSeconds: 0, containers: [container('1')] };
  return { ttlSecondsAfterFinished: TTL_SECONDS, template: { spec } };
}

function container(seconds: string): object {
  return {
    name: 'main',
    image: 'busybox:latest',
    imagePullPolicy: 'IfNotPresent',
    command: ['/bin/sh', '-c', `sleep ${seconds}`],
    resources: { requests: { cpu: '10m', memory: '4Mi' } },
  };
}

function at(peers: readonly ChurnPeer[], number: number): ChurnPeer {
  const peer = peers[number % peers.length];
  if (peer === undefined) throw new Error('there are no peers');
  return peer;
}

async function list(peers: readonly ChurnPeer[], path: string, query?: Record<string, string>): Promise<KubeObject[]> {
  return (await at(peers, 0).client.get<{ items: KubeObject[] }>(path, query)).items;
}

async function count(peers: readonly ChurnPeer[], path: string): Promise<number> {
  return (await list(peers, path)).length;
}

async function find(peers: readonly ChurnPeer[], number: number, path: string): Promise<Found | undefined> {
  try {
    return await at(peers, number).client.get<Found>(path);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

async function patch({ client }: ChurnPeer, path: string, body: object): Promise<void> {
  await client.call({ method: 'PATCH', path, body, contentType: 'application/merge-patch+json' });
}

async function remove({ client }: ChurnPeer, path: string): Promise<void> {
  await client.call({ method: 'DELETE', path, body: { propagationPolicy: 'Background' } });
}
