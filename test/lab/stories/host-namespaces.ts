import { expect, it } from 'vitest';
import type { Pod } from '../../../protocol/types.ts';
import { waitFor } from '../../support/wait.ts';
import { story } from '../in-lab.ts';

/** Pods that share more with their host, or among their containers, than others. */
export const hostNamespacesStory = story('pods in the namespaces of their host', (cluster) => {
  const container = (name: string, command: string): object => ({
    name,
    image: 'busybox',
    imagePullPolicy: 'IfNotPresent',
    command: ['sh', '-c', command],
  });
  const pod = (name: string, node: string, spec: object): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: { nodeName: node, terminationGracePeriodSeconds: 0, ...spec },
  });

  it('are refused where the namespace does not allow them, and have its network, name and processes where it does', async () => {
    const [one, two] = [cluster.host(1), cluster.host(2)];
    const web = 'mkdir -p /w; hostname > /w/index.html; exec httpd -f -p 18080 -h /w';
    const onHost = pod('on-host', two.node, {
      hostNetwork: true,
      hostPID: true,
      containers: [{ ...container('web', web), ports: [{ containerPort: 18080 }] }],
    });
    await expect(cluster.apply(one, onHost)).rejects.toThrow(/violates PodSecurity "baseline[^]*hostNetwork=true, hostPID=true/);
    await cluster.kith(one, ['label', 'namespace', 'default', 'pod-security.kubernetes.io/enforce=privileged']);
    await cluster.apply(one, onHost);
    const [ready] = (await cluster.waitReady(one, 'app=on-host', 1)) as [Pod];
    expect(ready.status?.podIP).toBe(two.address);
    expect(ready.spec.containers[0]?.ports).toEqual([{ containerPort: 18080, hostPort: 18080, protocol: 'TCP' }]);
    const ask = async (): Promise<string> => one.exec('sh', '-c', `curl -s -m 2 http://${two.address}:18080 || true`);
    await waitFor('the program answers at the address of the host', async () => (await ask()) !== '', { everyMs: 100 });
    expect((await ask()).trim()).toBe((await two.exec('hostname')).trim());
    expect(await cluster.kith(one, ['exec', 'on-host', '--', 'ps'])).toMatch(/dockerd/);
    await cluster.kith(one, ['delete', 'pod', 'on-host', '--now']);
    await waitFor('nobody listens there any more', async () => (await ask()) === '', { everyMs: 100 });
  });

  it('see the processes of their other containers where they ask for it, whose orphans are buried', async () => {
    const one = cluster.host(1);
    const orphans = 'while :; do (sleep 0.1 & exec true); sleep 0.2; done';
    await cluster.apply(
      one,
      pod('shared', one.node, { shareProcessNamespace: true, containers: [container('a', orphans), container('b', 'exec sleep 4242')] }),
    );
    await cluster.apply(
      one,
      pod('apart', one.node, { containers: [container('a', 'exec sleep 1000'), container('b', 'exec sleep 4242')] }),
    );
    await cluster.waitReady(one, 'app=shared', 1);
    await cluster.waitReady(one, 'app=apart', 1);
    const ps = async (name: string): Promise<string> => cluster.kith(one, ['exec', name, '-c', 'a', '--', 'ps']);
    expect(await ps('shared')).toMatch(/sleep 4242/);
    expect(await ps('apart')).not.toMatch(/sleep 4242/);
    // By then there were dozens.
    await waitFor('no zombies', async () => !/\bZ\b|\[sleep\]/.test(await ps('shared')), { everyMs: 500 });
    await cluster.kith(one, ['delete', 'pod', 'shared', 'apart', '--now']);
    await cluster.kith(one, ['label', 'namespace', 'default', 'pod-security.kubernetes.io/enforce-']);
  });
});
