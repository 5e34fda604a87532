import { expect, it } from 'vitest';
import type { Pod } from '../../../protocol/types.ts';
import { writeFile } from 'node:fs/promises';
import { fetchClients } from '../../support/kubectl.ts';
import { PATIENCE_MS, waitFor } from '../../support/wait.ts';
import { story } from '../in-lab.ts';

const clients = await fetchClients('1.35');
const missing = 'missing' in clients ? clients.missing : undefined;

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

  it.skipIf(missing !== undefined)(`can be had of a node by kubectl debug${missing ?? ''}`, async () => {
    const [one, two] = [cluster.host(1), cluster.host(2)];
    if ('missing' in clients) return;
    const kubeconfig = `${one.folder}/kubeconfig-of-debug`;
    await writeFile(kubeconfig, await one.kith('kubeconfig'), { mode: 0o600 });
    const kubectl = async (...words: string[]): Promise<string> =>
      one.exec('env', `HOME=${one.folder}`, `KUBECONFIG=${kubeconfig}`, clients.kubectl, ...words);
    const look = ['debug', `node/${two.node}`, '--image=busybox', '--image-pull-policy=IfNotPresent', '--profile=sysadmin', '--'];
    const command = ['sh', '-c', 'hostname; ls /host/proc/1/root >/dev/null && ls /host/etc/passwd; ps'];
    await expect(kubectl(...look, ...command)).rejects.toThrow(/violates PodSecurity "baseline/);
    await cluster.kith(one, ['label', 'namespace', 'default', 'pod-security.kubernetes.io/enforce=privileged']);
    const name = /debugging pod (\S+) with/.exec(await kubectl(...look, ...command))?.[1] ?? '';
    await waitFor('it has ended', async () => (await kubectl('get', 'pod', name, '-o', 'jsonpath={.status.phase}')) === 'Succeeded', {
      timeoutMs: PATIENCE_MS,
      everyMs: 200,
    });
    expect(await kubectl('logs', name)).toMatch(new RegExp(`^${(await two.exec('hostname')).trim()}\n/host/etc/passwd\n[^]*dockerd`));
    await kubectl('delete', 'pod', name, '--now');
    await cluster.kith(one, ['label', 'namespace', 'default', 'pod-security.kubernetes.io/enforce-']);
  });
});
