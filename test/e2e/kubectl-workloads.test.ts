import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type ClientResult, fetchClients } from '../support/kubectl.ts';
import { kubectlPeers, withClients } from '../support/kubectl-peers.ts';
import { realPeers } from '../support/real-peers.ts';
import { waitFor } from '../support/wait.ts';
import { isReady } from '../support/workloads.ts';

/** Every workload but Deployments, with the real client: each command asks another peer. */
const peers = realPeers(3, 'workloads');
const real = kubectlPeers(peers);
const newest = await fetchClients('1.35');

withClients(newest, 'kubectl 1.35', (clients) => {
  const run = async (words: string, stdin?: string): Promise<ClientResult> =>
    real.kubectl(clients, words.split(' '), { stdin, timeoutMs: 90_000 });

  async function does(words: string, stdin?: string): Promise<string> {
    const { code, out, err } = await run(words, stdin);
    expect({ words, code, err: code === 0 ? '' : err }).toEqual({ words, code: 0, err: '' });
    return out;
  }

  async function shows(words: string, expected: RegExp): Promise<void> {
    let last: ClientResult | undefined;
    await waitFor(words, async () => expected.test((last = await run(words)).out + last.err), { everyMs: 200, timeoutMs: 60_000 }).catch(
      () => {
        throw new Error(`${words}: expected ${expected}, got ${JSON.stringify(last)}`);
      },
    );
  }

  const create = async (object: object): Promise<string> => does('create -f -', JSON.stringify(object));

  it('runs jobs to their end', async () => {
    await does('create job once --image=busybox -- /bin/sh -c true');
    await does('wait --for=condition=Complete job/once --timeout=20s');
    await shows('get jobs', /once\s+Complete\s+1\/1\s+\d+s/);
    const command = ['/bin/sh', '-c', 'echo index $JOB_COMPLETION_INDEX; test $JOB_COMPLETION_INDEX != 1'];
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'busybox', command }] } };
    const spec = { completions: 3, parallelism: 3, completionMode: 'Indexed', backoffLimitPerIndex: 0, template };
    await create({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'many' }, spec });
    await does('wait --for=condition=Failed job/many --timeout=20s');
    await shows('get job many -o jsonpath={.status.completedIndexes}/{.status.failedIndexes}', /^0,2\/1$/);
    await shows('logs -l batch.kubernetes.io/job-completion-index=2', /^index 2$/m);
    const told = await does('describe job many');
    // Events of the same second come in any order.
    for (const what of [/Completed Indexes:\s+0,2\n/, /SuccessfulCreate/, /FailedIndexes/]) expect(told).toMatch(what);
    await does('delete job once many');
    await shows('get pods -l job-name', /No resources found/);
  });

  it('makes a job of a cron job when it is asked to, and by the clock', async () => {
    expect((await run('create cronjob bad --image=busybox --schedule=never -- true')).err).toContain('expected exactly 5 fields, found 1');
    await does('create cronjob tick --image=busybox --schedule=@yearly -- /bin/sh -c true');
    await does('create job now --from=cronjob/tick');
    await does('wait --for=condition=Complete job/now --timeout=20s');
    await shows('get cj', /tick\s+@yearly\s+<none>\s+False\s+0\s+<none>/);
    const everySecond = { spec: { schedule: '@every 1s' } };
    await real.kubectl(clients, ['patch', 'cronjob', 'tick', '-p', JSON.stringify(everySecond)]);
    await shows('get cj tick -o jsonpath={.status.lastScheduleTime}', /^20\d\d-/);
    await does('patch cronjob tick -p {"spec":{"suspend":true}}');
    await shows('get jobs', /tick-\d+\s+Complete\s+1\/1/);
    await does('delete cronjob tick');
    await shows('get jobs', /No resources found/);
  });

  const template = (app: string, version: number): object => ({
    metadata: { labels: { app } },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', image: `kith.dev/hello:${version}` }] },
  });
  const workload = (kind: string, name: string, version: number, spec: object = {}): string =>
    JSON.stringify({
      apiVersion: 'apps/v1',
      kind,
      metadata: { name },
      spec: { selector: { matchLabels: { app: name } }, template: template(name, version), ...spec },
    });

  it('runs a daemon on each node, updates it and goes back', async () => {
    await does('apply -f -', workload('DaemonSet', 'agent', 1));
    await does('rollout status ds/agent --timeout=60s');
    await shows('get ds', /agent\s+3\s+3\s+3\s+3\s+3\s+<none>/);
    await does('set image ds/agent main=kith.dev/hello:2');
    await does('rollout status ds/agent --timeout=60s');
    await shows('rollout history ds/agent', /1\s+<none>\n2\s+<none>/);
    await does('rollout undo ds/agent');
    await shows('get pods -l app=agent -o jsonpath={.items[*].spec.containers[0].image}', /^(kith.dev\/hello:1 ?){3}$/);
    await does('delete ds agent');
  });

  it('runs numbered pods in order, updates and scales them', async () => {
    await does('apply -f -', workload('StatefulSet', 'db', 1, { serviceName: 'db', replicas: 2 }));
    await does('rollout status sts/db --timeout=60s');
    await shows('get sts', /db\s+2\/2/);
    await does('set image sts/db main=kith.dev/hello:2');
    await does('rollout status sts/db --timeout=60s');
    await shows('get pod db-0 -o jsonpath={.spec.containers[0].image}', /^kith.dev\/hello:2$/);
    await does('scale sts/db --replicas=1');
    await shows('get pods -l app=db', /^NAME[^\n]*\ndb-0\s+1\/1\s+Running[^\n]*\n$/);
    await does('delete sts db');
  });

  it('keeps what a numbered pod wrote, until its claim is deleted', async () => {
    const command = ['/bin/sh', '-c', 'echo start >> /data/log; wc -l < /data/log; exec sleep 1000'];
    const main = { name: 'main', image: 'busybox', command, volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    const resources = { requests: { storage: '1Gi' } };
    const claims = [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources } }];
    const keeper = { metadata: { labels: { app: 'keeper' } }, spec: { terminationGracePeriodSeconds: 0, containers: [main] } };
    const set = { serviceName: 'keeper', replicas: 1, template: keeper, volumeClaimTemplates: claims };
    await does('apply -f -', workload('StatefulSet', 'keeper', 1, set));
    await shows('logs keeper-0', /^1$/m);
    await shows('get pvc', /data-keeper-0\s+Bound\s+pvc-\S+\s+1Gi\s+RWO\s+local/);
    await shows('get pv', /pvc-\S+\s+1Gi\s+RWO\s+Delete\s+Bound\s+default\/data-keeper-0\s+local/);
    const node = await does('get pod keeper-0 -o jsonpath={.spec.nodeName}');
    await does('delete pod keeper-0');
    await shows('logs keeper-0', /^2$/m);
    expect(await does('get pod keeper-0 -o jsonpath={.spec.nodeName}')).toBe(node);
    await does('delete pvc data-keeper-0 --wait=false');
    await shows('get pvc', /data-keeper-0\s+Terminating/);
    await does('delete sts keeper --wait=false');
    await shows('get pvc,pv', /No resources found/);
  });

  it('drains a node, and what ran there serves elsewhere before it is stopped', async () => {
    // Ready some seconds after their start.
    const probe = { exec: { command: ['true'] }, initialDelaySeconds: 3, periodSeconds: 1 };
    const main = { name: 'main', image: 'busybox', command: ['/bin/sh', '-c', 'exec sleep 1000'], readinessProbe: probe };
    const steady = { metadata: { labels: { app: 'steady' } }, spec: { terminationGracePeriodSeconds: 0, containers: [main] } };
    await does('apply -f -', workload('Deployment', 'steady', 1, { replicas: 3, template: steady }));
    await shows('get deploy steady', /steady\s+3\/3\s+3\s+3/);
    const [first] = await peers.pods(0, 'app=steady');
    const node = first?.spec.nodeName ?? '';
    let isDraining = true;
    const counts: number[] = [];
    const watching = (async () => {
      for (; isDraining; await pause(50)) counts.push((await peers.pods(0, 'app=steady')).filter(isReady).length);
    })();
    await does(`drain ${node} --ignore-daemonsets --delete-emptydir-data --force`);
    isDraining = false;
    await watching;
    expect(Math.min(...counts)).toBe(3);
    expect(counts.length).toBeGreaterThan(10);
    expect((await peers.pods(0, 'app=steady')).filter(isReady).map(({ spec }) => spec.nodeName)).not.toContain(node);
    await shows('get events', /Evicted\s+pod\/steady-\S+\s+steady-\S+ takes its place: it is stopped once that one is ready/);
    await does(`uncordon ${node}`);
    await does('delete deployment steady');
  });

  it('keeps what is autoscaled within its bounds', async () => {
    await does('create deployment busy --image=kith.dev/hello:1');
    await does('autoscale deployment busy --min=2 --max=6');
    await shows('get deploy busy', /busy\s+2\/2\s+2\s+2/);
    await shows(
      'describe hpa busy',
      /Deployment pods:\s+2 current \/ 2 desired\n[^]*SuccessfulRescale[^]*New size: 2; reason: Current number of/,
    );
    expect((await run('autoscale deployment busy --min=4 --max=6 --cpu=80%')).err).toContain('"busy" already exists');
    await does('scale --current-replicas=2 --replicas=4 deployment/busy');
    await shows('get deploy busy', /busy\s+4\/4/);
    await does('scale --current-replicas=4 --replicas=3 deployment/busy');
    await shows('get deploy busy', /busy\s+3\/3/);
    await does('scale --replicas=1 deployment/busy');
    await shows('get deploy busy', /busy\s+2\/2/);
    await shows('top nodes', /^workloads-1\s+\d+m\s+\d+%\s+\d+Mi\s+\d+%/m);
    await does('delete deployment,hpa busy');
  });
});
