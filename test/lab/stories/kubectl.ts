import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Clients, fetchClients, KUBECTL_VERSIONS, temporaryHome } from '../../support/kubectl.ts';
import { removeQuietly } from '../../support/real-peers.ts';
import { TerminalSession } from '../../support/terminal.ts';
import { waitFor } from '../../support/wait.ts';
import type { LabCluster } from '../cluster.ts';
import { story } from '../in-lab.ts';

const BYTES = 300_000;
const all = await Promise.all(KUBECTL_VERSIONS.map(async (version) => fetchClients(version)));

const UNPRIVILEGED = 'this machine lacks capabilities that its engine gives to privileged containers';

/** Engines give privileged containers all that the kernel knows, and fail where the machine itself may not have one of them. */
function mayHaveAllCapabilities(): boolean {
  const mask = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const last = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'));
  return BigInt(`0x${mask}`) === (1n << BigInt(last + 1)) - 1n;
}

/** Each command is asked of the next host's peer, whoever runs the pod. */
export const kubectlStory = story('real clients of three hosts', (cluster) => {
  let home = '';
  let turn = 0;
  beforeAll(async () => {
    home = await temporaryHome();
    for (const host of cluster.lab.hosts) await writeFile(configOf(host.number), await host.kith('kubeconfig'), { mode: 0o600 });
  });
  afterAll(async () => removeQuietly(home));

  function configOf(number: number): string {
    return path.join(home, `of-host-${number}`);
  }

  for (const each of all) {
    const missing = 'missing' in each ? each.missing : undefined;
    it.skipIf(missing !== undefined)(
      `kubectl ${each.version}: what the tutorial does with a pod of another host${missing ?? ''}`,
      async () => {
        if (!('missing' in each)) await walk(cluster, each);
      },
    );
  }

  const newest = all.find((each): each is Clients => !('missing' in each) && each.version === '1.35');
  for (const profile of ['legacy', 'general', 'sysadmin']) {
    const missing =
      newest === undefined ? 'no kubectl 1.35' : profile === 'sysadmin' && !mayHaveAllCapabilities() ? UNPRIVILEGED : undefined;
    it.skipIf(missing !== undefined)(
      `kubectl debug of another host, with the profile ${profile}${missing === undefined ? '' : ` (${missing})`}`,
      async () => debugHost(cluster, newest!, profile),
    );
  }

  async function debugHost({ lab }: LabCluster, clients: Clients, profile: string): Promise<void> {
    await lab.host(1).kith('label', 'namespace', 'default', 'pod-security.kubernetes.io/enforce=privileged', '--overwrite');
    const [program, ...more] = words(clients, 'debug', '-it', 'node/host-2', '--image=busybox', `--profile=${profile}`, '--', 'sh');
    const shell = new TerminalSession(lab.host(1).commandLine(program, ...more), {});
    shell.type('\r');
    await shell.sees(/[$#] /);
    // Its processes, its network and its files.
    shell.type(`ps | grep -c [d]ockerd; hostname; ip -4 address; ls -d /host${lab.host(2).folder}\r`);
    await shell.sees(/\r\n[1-9]\d*\r\n/);
    await shell.sees(/host-2\r\n/);
    await shell.sees(` ${lab.host(2).address}/`);
    await shell.sees(`/host${lab.host(2).folder}\r\n`);
    if (profile === 'sysadmin') {
      shell.type('mount -t tmpfs none /mnt && echo mounted\r');
      await shell.sees(/\r\nmounted\r\n/);
    }
    shell.type('exit\r');
    const { code, said } = await shell.end();
    expect(code).toBe(0);
    const name = /Creating debugging pod (\S+) with container debugger on node host-2/.exec(said)?.[1] ?? said;
    await waitFor('the program has ended, as every peer tells', async () => {
      const told = await Promise.all(lab.hosts.map(async (host) => host.kith('get', 'pod', name, '-o', 'jsonpath={.status.phase}')));
      return told.every((phase) => phase === 'Succeeded');
    });
    await lab.host(1).kith('delete', 'pod', name, '--now');
    await lab.host(1).kith('label', 'namespace', 'default', 'pod-security.kubernetes.io/enforce-');
  }

  /** The command as the host whose turn it is runs it, with its own peer. */
  function words({ kubectl }: Clients, ...more: string[]): [string, ...string[]] {
    const number = (turn++ % cluster.lab.hosts.length) + 1;
    return ['env', `HOME=${home}`, `KUBECONFIG=${configOf(number)}`, kubectl, ...more];
  }

  async function walk({ lab }: LabCluster, clients: Clients): Promise<void> {
    const run = async (...more: string[]): Promise<string> => {
      const command = words(clients, ...more);
      return lab.host(((turn - 1) % lab.hosts.length) + 1).exec(...command);
    };
    const terminal = (...more: string[]): TerminalSession => {
      const command = words(clients, ...more);
      return new TerminalSession(lab.host(((turn - 1) % lab.hosts.length) + 1).commandLine(...command), {});
    };
    const version = clients.version.replace('.', '-');
    const name = `web-${version}`;
    const onHost1 = `--overrides=${JSON.stringify({ apiVersion: 'v1', spec: { nodeName: 'host-1', terminationGracePeriodSeconds: 1 } })}`;
    expect(await run('run', name, '--image=nginx:1.8', '--port=80', onHost1)).toBe(`pod/${name} created\n`);
    await waitFor('it is ready, as every peer tells', async () => {
      const told = await Promise.all(lab.hosts.map(async () => run('get', 'pod', name, '-o', 'wide', '--ignore-not-found')));
      return told.every((text) => new RegExp(`${name} +1/1 +Running +0 +\\S+ +10\\.\\S+ +host-1`).test(text));
    });
    expect(await run('describe', 'pod', name)).toMatch(/Node: +host-1\/[^]*Image: +nginx:1\.8\n[^]*Started container/);
    expect(await run('exec', name, '--', 'cat', '/var/run/secrets/kubernetes.io/serviceaccount/namespace')).toBe('default');

    const [there, back] = [path.join(home, `there-${version}`), path.join(home, `back-${version}`)];
    const bytes = randomBytes(BYTES);
    await writeFile(there, bytes);
    await run('cp', there, `${name}:/usr/share/nginx/html/big`);
    await run('cp', `${name}:/usr/share/nginx/html/big`, back);
    expect((await readFile(back)).equals(bytes)).toBe(true);

    const [forward, number] = [words(clients, 'port-forward', `pod/${name}`, ':80'), ((turn - 1) % lab.hosts.length) + 1];
    const script = `out=$(mktemp); "$@" > $out & trap 'kill $!; rm $out' EXIT
until port=$(sed -n 's/^Forwarding from 127.0.0.1:\\([0-9]*\\).*/\\1/p' $out) && [ -n "$port" ]; do kill -0 $! || exit 1; sleep 0.05; done
busybox wget -q -O - http://127.0.0.1:$port/big | wc -c`;
    expect((await lab.host(number).exec('sh', '-c', script, 'sh', ...forward)).trim()).toBe(String(BYTES));
    await waitFor('what was asked is in the log', async () => (await run('logs', name, '--tail=1')).includes('GET /big'));

    const shell = terminal('exec', '-it', name, '--', 'sh');
    await shell.sees(/[$#] /);
    shell.type('stty size; hostname\r');
    await shell.sees('40 100');
    await shell.sees(name);
    shell.type('exit 3\r');
    expect((await shell.end()).said).toContain('command terminated with exit code 3');

    const visit = terminal('run', `visit-${version}`, '-it', '--rm', '--restart=Never', '--image=busybox', onHost1, '--', 'sh');
    visit.type('\r');
    await visit.sees(/[$#] /);
    visit.type('echo $((20 + 22)); exit 4\r');
    await visit.sees('42');
    expect((await visit.end()).said).toContain(`pod "visit-${version}" deleted`);

    if (clients.version !== '1.20') {
      const look = terminal('debug', '-it', name, '-c', 'look', '--image=busybox', '--target', name, '--', 'sh');
      look.type('\r');
      await look.sees(/[$#] /);
      look.type('ps | grep -c [n]ginx:; wget -q -O - http://127.0.0.1/ | grep -o "<title>"\r');
      await look.sees(/\r\n[1-9]\d*\r\n/);
      await look.sees('<title>');
      look.type('exit\r');
      expect((await look.end()).code).toBe(0);
    }
    expect(await run('delete', 'pod', name, '--wait=false')).toContain(`pod "${name}" deleted`);
  }
});
