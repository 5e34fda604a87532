import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DoctorAnswer } from '../../protocol/doctor.ts';
import type { Pod } from '../../protocol/types.ts';
import { PATIENCE_MS, waitFor } from '../support/wait.ts';
import { projectRoot } from './record.ts';
import { inLab, type Story } from './in-lab.ts';
import { ask, containerOf, inPod, lines, onHost, podCommandLine, serviceAddress, type Shell } from './pod-shell.ts';
import { noRequestLost } from './stories/no-request-lost.ts';
import { servicesInKernel } from './stories/services-in-kernel.ts';
import type { LabHost } from './types.ts';

const ECHO = `
const net = require('node:net'), dgram = require('node:dgram'), name = process.argv[1];
net.createServer((socket) => socket.on('error', () => 0).on('data', (line) => socket.write(name + ' ' + line))).listen(7000);
const udp = dgram.createSocket('udp4', (data, from) => udp.send(name + ' ' + data, from.port, from.address)).bind(7000);
`;
const ASK = `
const udp = require('node:dgram').createSocket('udp4', (data) => { console.log(String(data)); process.exit(0); });
udp.send('hello', Number(process.argv[2]), process.argv[1]); setTimeout(() => process.exit(1), 2000);
`;
const PROGRAM = 'mkdir -p /w; echo $HOSTNAME > /w/index.html; exec httpd -f -p 8080 -h /w';

/** Hosts 1 and 2 share a link; host 3 is behind a router. */
const tests: Story = (cluster) => {
  const children: ChildProcess[] = [];
  let pods: Pod[] = [];
  let client: Shell;
  const on = (host: LabHost): Pod => pods.find((pod) => pod.spec.nodeName === host.node)!;
  const addressOf = async (name: string): Promise<string> => serviceAddress(cluster, name);

  const echoing = new Set<string>();
  const startEchoes = async (): Promise<void> => {
    for (const pod of pods) {
      if (echoing.has(pod.metadata.uid)) continue;
      echoing.add(pod.metadata.uid);
      const [file, ...words] = await podCommandLine(cluster, pod, process.execPath, '-e', ECHO, pod.metadata.name);
      children.push(spawn(file, words, { stdio: 'ignore' }));
    }
  };

  beforeAll(async () => {
    const labels = { app: 'web' };
    const container = { name: 'web', image: 'busybox', command: ['sh', '-c', PROGRAM], resources: { requests: { cpu: '10m' } } };
    const service = (name: string, spec: object): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
    await cluster.apply(cluster.host(1), {
      apiVersion: 'v1',
      kind: 'List',
      items: [
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'web' },
          spec: {
            replicas: 6,
            selector: { matchLabels: labels },
            template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [container] } },
          },
        },
        service('web', { type: 'NodePort', selector: labels, ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }] }),
        service('echo', {
          selector: labels,
          ports: [
            { name: 'tcp', port: 7000 },
            { name: 'udp', port: 7000, protocol: 'UDP' },
          ],
        }),
        service('each', { clusterIP: 'None', selector: labels, ports: [{ port: 8080 }] }),
        service('nobody', { selector: { app: 'nobody' }, ports: [{ port: 80 }] }),
      ],
    });
    pods = await cluster.waitReady(cluster.host(1), 'app=web', 6, PATIENCE_MS);
    // The engine would forward for none but its own.
    for (const host of cluster.lab.hosts) await host.exec('iptables', '-P', 'FORWARD', 'DROP');
    client = await inPod(cluster, on(cluster.host(1)));
    await startEchoes();
  });
  afterAll(() => children.forEach((child) => child.kill('SIGKILL')));

  it('leads from any pod to any other, and from hosts, by routes on one link and by VXLAN behind a router', async () => {
    expect(
      (await cluster.host(1).exec('ip', 'route'))
        .match(/10\.42\.\d+\.0\/24 via \S+ dev \S+/g)
        ?.map((line) => line.split(' dev ')[1])
        .sort(),
    ).toEqual(['eth0', expect.stringMatching(/^kithx-/)]);
    for (const from of [client, await inPod(cluster, on(cluster.host(3))), onHost(cluster.host(3))]) {
      const answers = await Promise.all(pods.map((pod) => from(...ask(`http://${pod.status?.podIP}:8080`, 1))));
      expect(answers.map((answer) => answer.trim())).toEqual(pods.map(({ metadata }) => metadata.name));
    }
  });

  it('leads to Services in turn: from pods, also to themselves, from hosts, and by ports of nodes; what nobody serves is refused at once', async () => {
    const names = pods.map(({ metadata }) => metadata.name).sort();
    const web = await addressOf('web');
    expect(lines(await client(...ask(`http://${web}`, 12))).sort()).toEqual([...names, ...names].sort());
    expect([...new Set(lines(await cluster.host(2).exec(...ask(`http://${web}`, 6))))].sort()).toEqual(names);
    for (const host of cluster.lab.hosts)
      expect(lines(await cluster.host(1).exec(...ask(`http://${host.address}:30080`, 6))).sort()).toEqual(names);
    expect(lines(await client(...ask(`http://${cluster.host(1).address}:30080`, 6))).sort()).toEqual(names);
    const began = performance.now();
    expect(await client(...ask(`http://${await addressOf('nobody')}`, 1))).toMatch(/connect/i);
    expect(await cluster.host(2).exec(...ask(`http://${await addressOf('nobody')}`, 1))).toMatch(/connect/i);
    expect(performance.now() - began).toBeLessThan(2_500);
    expect(await client(process.execPath, '-e', ASK, on(cluster.host(3)).status!.podIP!, '7000')).toBe(
      `${on(cluster.host(3)).metadata.name} hello\n`,
    );
    const echo = await addressOf('echo');
    for (const from of [client, onHost(cluster.host(2))]) {
      const said: string[] = [];
      for (let time = 0; time < 6; time += 1) said.push(await from(process.execPath, '-e', ASK, echo, '7000'));
      expect(said.sort()).toEqual(names.map((name) => `${name} hello\n`));
    }
  });

  it('holds back what no NetworkPolicy lets through, on one node and between hosts, from the first packet of a new pod on', async () => {
    const [one, two] = [cluster.host(1), cluster.host(2)];
    const [stranger, near] = pods.filter((pod) => pod.spec.nodeName === one.node) as [Pod, Pod];
    const friend = on(two);
    const addressAt = (pod: Pod): string => pod.status?.podIP ?? '';
    const reaches = async (from: Shell, address: string): Promise<boolean> =>
      (await from('sh', '-c', `curl -s -m 1 http://${address}:8080 || true`)) !== '';
    const policy = (name: string, spec: object): object => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name },
      spec,
    });
    const fromStranger = await inPod(cluster, stranger);
    const fromFriend = await inPod(cluster, friend);
    const web = await addressOf('web');
    expect(await reaches(fromStranger, addressAt(near))).toBe(true);
    await cluster.kith(one, ['label', 'pod', friend.metadata.name, 'role=friend']);
    const shut = policy('shut', {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: [{ podSelector: { matchLabels: { role: 'friend' } } }], ports: [{ port: 8080 }] }],
    });
    const open = policy('open', { podSelector: { matchLabels: { role: 'friend' } }, egress: [{}], policyTypes: ['Egress'] });
    await cluster.apply(one, { apiVersion: 'v1', kind: 'List', items: [shut, open] });
    const began = performance.now();
    await waitFor('nobody else is let through', async () => !(await reaches(fromStranger, addressAt(near))), {
      timeoutMs: PATIENCE_MS,
      everyMs: 20,
    });
    console.log(`policies in force after ${Math.round(performance.now() - began)} ms`);
    expect(await reaches(fromStranger, addressAt(friend))).toBe(false);
    // So does the way between a pod and its own node, whatever a policy says, as upstream: it is told names.
    expect(await one.engine.docker('exec', await containerOf(one, stranger), 'nslookup', 'web.default.svc.cluster.local')).toContain(web);
    // A pod always reaches itself, by way of a Service, too.
    const byService = lines(await fromStranger('sh', '-c', `for i in 1 2 3; do curl -s -m 1 http://${web} || echo none; done`));
    expect(byService.filter((line) => line !== stranger.metadata.name)).toContain('none');
    expect(byService.filter((line) => line !== 'none' && line !== stranger.metadata.name)).toEqual([]);
    await waitFor(
      'the friend reaches all',
      async () => (await Promise.all(pods.map(async (pod) => reaches(fromFriend, addressAt(pod))))).every((is) => is),
      { timeoutMs: PATIENCE_MS, everyMs: 100 },
    );
    expect(new Set(lines(await fromFriend(...ask(`http://${web}`, 6)))).size).toBe(6);
    // Probes come from a pod's own node.
    expect(await reaches(onHost(one), addressAt(near))).toBe(true);
    expect(await cluster.kith(one, ['net'])).toMatch(/Policies by: +nftables, \d+ pods/);
    const late = `wget -q -T 1 -O- http://${addressAt(near)}:8080 >/dev/null 2>&1 && echo open || echo shut; exec sleep 3600`;
    await cluster.apply(one, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'late', labels: { app: 'late' } },
      spec: {
        nodeName: one.node,
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'late', image: 'busybox', command: ['sh', '-c', late] }],
      },
    });
    await waitFor('the new pod tells', async () => /open|shut/.test(await cluster.kith(one, ['logs', 'late'])), {
      timeoutMs: PATIENCE_MS,
      everyMs: 200,
    });
    expect(await cluster.kith(one, ['logs', 'late'])).toBe('shut\n');
    await cluster.kith(one, ['delete', 'networkpolicy', 'shut', 'open']);
    await cluster.kith(one, ['delete', 'pod', 'late', '--now']);
    await waitFor('all is open again', async () => reaches(fromStranger, addressAt(near)), { timeoutMs: PATIENCE_MS, everyMs: 100 });
    expect(await one.exec('nft', 'list', 'tables')).not.toMatch(/_policies/);
  });

  it('tells pods the names of Services, short and whole, and hosts, too', async () => {
    const web = await addressOf('web');
    const ips = pods.map(({ status }) => status?.podIP ?? '').sort();
    const told = (text: string): string[] =>
      [
        ...new Set(
          text
            .split(/Name:/)
            .slice(1)
            .join(' ')
            .match(/\d+(\.\d+){3}/g),
        ),
      ].sort();
    for (const host of cluster.lab.hosts) {
      const id = (await host.engine.docker('ps', '-q', '--filter', `label=kith.dev/pod-uid=${on(host).metadata.uid}`)).trim();
      // It asks in all search domains at once, and fails where one of them has no such name.
      const lookUp = async (name: string): Promise<string[]> =>
        told(await host.engine.docker('exec', id, 'sh', '-c', `nslookup ${name}; true`));
      for (const name of ['web', 'web.default.svc.cluster.local']) expect(await lookUp(name), name).toEqual([web]);
      expect(await lookUp('each')).toEqual(ips);
      expect(await host.engine.docker('exec', id, 'cat', '/etc/resolv.conf')).toMatch(/^options ndots:5$/m);
      expect(told(await host.exec('busybox', 'nslookup', 'web.default.svc.cluster.local', '127.0.0.42'))).toEqual([web]);
    }
  });

  it('puts back rules and ways that somebody flushed', async () => {
    const [one] = [cluster.host(1)];
    const web = await addressOf('web');
    await one.exec('sh', '-c', 'nft flush ruleset; for r in $(ip route | grep "10.42.*via" | cut -d" " -f1); do ip route del $r; done');
    const began = performance.now();
    await waitFor('Services and ways are there again', async () => !/curl/.test(await client(...ask(`http://${web}`, 6))), {
      timeoutMs: PATIENCE_MS,
      everyMs: 100,
    });
    console.log(`after a flush: ${Math.round(performance.now() - began)} ms`);
  });

  it('has kith doctor find nothing, and then a port that is shut and a rule that somebody took out', async () => {
    const [one, three] = [cluster.host(1), cluster.host(3)];
    const ask = async (): Promise<DoctorAnswer> => one.client.get<DoctorAnswer>('/kith.dev/v1/doctor');
    const well = await waitFor('all is well', async () => [await ask()].find(({ findings }) => findings.length === 0), {
      timeoutMs: PATIENCE_MS,
      everyMs: 500,
    });
    for (const { checked, skipped } of well.nodes)
      expect([skipped, checked]).toEqual([[], expect.arrayContaining(['rules', 'routes', 'names'])]);
    const shut = ['INPUT', '-p', 'udp', '--dport', '7420', '-j', 'DROP'];
    await three.exec('iptables', '-I', ...shut);
    const take = `t=$(nft list tables ip | grep -o 'kith_[0-9a-f]*$'); nft delete element ip $t services "{ ${await addressOf('web')} . tcp . 80 }"`;
    await one.exec('sh', '-c', take);
    const sick = await ask();
    await three.exec('iptables', '-D', ...shut);
    expect(sick.findings.map(({ node, check, what }) => `${node} ${check} ${what}`)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(`^${one.node} peers \\S+:7420 of node ${three.node} does not answer over UDP`),
        expect.stringMatching(`^${three.node} peers \\S+:7420 of node ${one.node} does not answer over UDP`),
        expect.stringMatching(`^${one.node} rules .*map services lacks 1 elements`),
      ]),
    );
    await waitFor('all is well again', async () => (await ask()).findings.length === 0, { timeoutMs: PATIENCE_MS, everyMs: 500 });
  });

  it('keeps connections over a restart of the daemon, and resets those to a pod that is gone', async () => {
    const one = cluster.host(1);
    const target = on(cluster.host(2));
    const [file, ...words] = one.commandLine('busybox', 'nc', await addressOf('echo'), '7000');
    const open = Array.from({ length: pods.length }, () => {
      const child = spawn(file, words, { stdio: ['pipe', 'pipe', 'ignore'] });
      children.push(child);
      const connection = { child, text: '', ended: false };
      child.stdout.on('data', (data: Buffer) => (connection.text += data.toString()));
      child.stdin.on('error', () => undefined);
      child.once('close', () => (connection.ended = true));
      return connection;
    });
    const say = async (which: typeof open): Promise<void> => {
      const before = which.map(({ text }) => text.length);
      for (const { child } of which) child.stdin.write('more\n');
      await waitFor('echoes', async () => which.every(({ text }, index) => text.length > before[index]!), {
        timeoutMs: PATIENCE_MS,
        everyMs: 20,
      });
    };
    await say(open);
    await one.killDaemon();
    await one.startDaemon();
    await say(open);
    const lost = open.filter(({ text }) => text.includes(target.metadata.name));
    expect(lost.length).toBeGreaterThan(0);
    await cluster.kith(one, ['delete', 'pod', target.metadata.name, '--now']);
    const began = performance.now();
    await waitFor(
      'the connection to the pod that is gone ends',
      async () => {
        for (const { child, ended } of lost) if (!ended) child.stdin.write('still there?\n');
        return lost.every(({ ended }) => ended);
      },
      { timeoutMs: PATIENCE_MS, everyMs: 100 },
    );
    console.log(`a connection to a deleted pod ended after ${Math.round(performance.now() - began)} ms`);
    await say(open.filter((connection) => !lost.includes(connection)));
    pods = await cluster.waitReady(one, 'app=web', 6);
  });

  it('is taken away by kithd --uninstall-network, and comes back with the daemon', async () => {
    const two = cluster.host(2);
    const ours = async (): Promise<string> =>
      two.exec(
        'sh',
        '-c',
        'nft list tables ip | grep kith_; ip -4 route show table all | grep -E "10.42.*via|10.96"; iptables -S | grep "kith "; true',
      );
    const uninstall = [
      process.execPath,
      path.join(projectRoot(), 'dist', 'kithd.js'),
      '--uninstall-network',
      '--data-dir',
      two.dataDir,
    ] as const;
    const words = [...uninstall, '--node-name', two.node, '--docker-host', `unix://${two.engineSocket}`] as const;
    expect(await ours()).toMatch(/kith_[^]*via[^]*kith /);
    await expect(two.exec(...words)).rejects.toThrow();
    await two.killDaemon();
    expect(await two.exec(...words)).toMatch(/removed table ip kith_[^]*removed rule of iptables[^]*removed route/);
    expect(await ours()).toBe('');
    await two.startDaemon();
    await waitFor('all is back', async () => /kith_[^]*via[^]*kith /.test(await ours()), { timeoutMs: PATIENCE_MS, everyMs: 100 });
  });

  // These stories bring their own pods.
  noRequestLost(cluster);
  servicesInKernel(cluster);

  it('leads nobody to a host that was cut off', async () => {
    const [one, three] = [cluster.host(1), cluster.host(3)];
    pods = await cluster.waitReady(one, 'app=web', 6);
    const web = await addressOf('web');
    const failures: { at: number; what: string }[] = [];
    let asked = 0;
    let over = false;
    const load = (async () => {
      const from = await inPod(cluster, on(one));
      while (!over) {
        const at = performance.now();
        const answer = await from('curl', '-sS', '-m', '1', `http://${web}`).catch((error: unknown) => `curl: ${String(error)}`);
        asked += 1;
        if (answer.includes('curl')) failures.push({ at, what: answer });
      }
    })();
    await waitFor('some answers', async () => asked > 10, { timeoutMs: PATIENCE_MS, everyMs: 20 });
    expect(failures).toEqual([]);
    const cutAt = performance.now();
    await cluster.lab.network.unplug(three);
    await cluster.waitServing(one, 'app=web', 6, [one, cluster.host(2)]);
    const before = asked;
    await waitFor('more answers', async () => asked > before + 20, { timeoutMs: PATIENCE_MS, everyMs: 20 });
    over = true;
    await load;
    const last = Math.max(cutAt, ...failures.map(({ at }) => at)) - cutAt;
    console.log(`host cut off: ${failures.length} of ${asked} requests failed, the last one ${Math.round(last)} ms after the cut`);
    expect(last).toBeLessThan(5_000);
  });
};

inLab('the network of pods', 3, [tests], { farFrom: 3 });
