import { expect } from 'vitest';
import { it } from 'vitest';
import { type Clients, fetchClients } from '../support/kubectl.ts';
import { kubectlPeers, withClients } from '../support/kubectl-peers.ts';
import { realPeers } from '../support/real-peers.ts';
import { waitFor } from '../support/wait.ts';

/** What a node does for a pod, through the real client: configuration, probes, what runs before, hooks, and what a namespace allows. */
const peers = realPeers(2, 'node');
const real = kubectlPeers(peers);
const newest = await fetchClients('1.35');

withClients(newest, 'kubectl 1.35', (clients: Clients) => {
  const run = async (words: string, stdin?: string) => real.kubectl(clients, words.split(' '), { stdin });

  async function shows(words: string, expected: RegExp): Promise<void> {
    let last: unknown;
    await waitFor(words, async () => {
      const { out, err } = await run(words);
      last = out + err;
      return expected.test(out + err);
    }).catch(() => {
      throw new Error(`${words}: expected ${expected}, got ${JSON.stringify(last)}`);
    });
  }

  const pod = (name: string, spec: object) =>
    JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { terminationGracePeriodSeconds: 1, ...spec } });
  const shell = (name: string, script: string, more: object = {}) => ({ name, image: 'busybox', command: ['sh', '-c', script], ...more });
  const WAIT = 'while :; do sleep 0.1; done';

  it('gives configuration to a pod that waits for it, keeps its files up to date, and runs its probes', async () => {
    const config = { volumeMounts: [{ name: 'config', mountPath: '/etc/settings' }], envFrom: [{ configMapRef: { name: 'settings' } }] };
    const probe = { exec: { command: ['grep', '-q', 'on', '/etc/settings/READY'] }, periodSeconds: 1 };
    const spec = {
      volumes: [
        { name: 'config', configMap: { name: 'settings' } },
        { name: 'work', emptyDir: {} },
      ],
      initContainers: [shell('setup', 'echo prepared > /work/x', { volumeMounts: [{ name: 'work', mountPath: '/work' }] })],
      containers: [
        shell('main', `cat /work/x; echo "color $COLOR"; ${WAIT}`, {
          ...config,
          volumeMounts: [...config.volumeMounts, { name: 'work', mountPath: '/work' }],
          readinessProbe: probe,
        }),
      ],
    };
    await run('apply -f -', pod('web', spec));
    await shows('get events', /FailedMount .*configmap "settings" not found/);
    await run('create configmap settings --from-literal=COLOR=red --from-literal=READY=off');
    await shows('get pod web', /web\s+0\/1\s+Running/);
    await shows('logs web -c main', /^prepared\ncolor red\n$/);
    await shows('get events', /Unhealthy .*Readiness probe failed/);
    await run('patch configmap settings -p {"data":{"READY":"on"}}');
    await shows('get pod web', /web\s+1\/1\s+Running/);
    expect((await run('exec web -c main -- cat /etc/settings/COLOR')).out).toBe('red');
  });

  it('restarts what its liveness probe finds dead, and calls a missing key by its name', async () => {
    const probe = { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 1 };
    await run('apply -f -', pod('sick', { containers: [shell('main', WAIT, { livenessProbe: probe })] }));
    await shows('get events', /Killing .*Container main failed liveness probe, will be restarted/);
    await shows('get pod sick', /sick\s+\d\/1\s+\S+\s+[1-9]/);
    const env = [{ name: 'A', valueFrom: { secretKeyRef: { name: 'none', key: 'a' } } }];
    await run('apply -f -', pod('waits', { containers: [shell('main', WAIT, { env })] }));
    await shows('get pod waits', /CreateContainerConfigError/);
    await shows('describe pod waits', /Error: secret "none" not found/);
  });

  it('refuses what a namespace does not allow', async () => {
    const spec = { volumes: [{ name: 'v', hostPath: { path: '/' } }], containers: [shell('main', 'true')] };
    const { code, err } = await run('apply -f -', pod('root', spec));
    expect(code).toBe(1);
    expect(err).toContain('pods "root" is forbidden: violates PodSecurity "baseline:latest": hostPath volumes (volume "v")');
    await run('label namespace default pod-security.kubernetes.io/enforce=privileged');
    await waitFor('allowed', async () => (await run('apply -f -', pod('root', spec))).code === 0);
  });
});
