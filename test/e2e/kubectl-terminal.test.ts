import { beforeAll, expect, it } from 'vitest';
import { fetchClients, KUBECTL_VERSIONS, type Clients } from '../support/kubectl.ts';
import { kubectlPeers, withClients } from '../support/kubectl-peers.ts';
import { realPeers } from '../support/real-peers.ts';
import { TerminalSession } from '../support/terminal.ts';

const peers = realPeers(2, 'tty');
const real = kubectlPeers(peers);
const all = await Promise.all(KUBECTL_VERSIONS.map(async (version) => fetchClients(version)));

beforeAll(async () => {
  await peers.apply(0, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'shell', labels: { app: 'shell' } },
    spec: {
      nodeName: 'tty-1',
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', 'while :; do sleep 1; done'] }],
    },
  });
  await peers.waitReady(0, 'app=shell', 1);
});

for (const each of all) withClients(each, `kubectl ${each.version}`, tests);

function tests(clients: Clients): void {
  /** Asked of the peer that does not run the pod. */
  const session = (...words: string[]): TerminalSession =>
    new TerminalSession([clients.kubectl, ...words], { HOME: real.home, KUBECONFIG: real.kubeconfig(1) });

  it('exec -it: a terminal of the size of the own one, control characters, and the exit code', async () => {
    const shell = session('exec', '-it', 'shell', '--', 'sh');
    await shell.sees(/[$#] /);
    shell.type('stty size\r');
    await shell.sees('40 100');
    await shell.sees(/[$#] /);
    // It says that it runs: a ^C that comes while the shell still makes the process is lost.
    shell.type(`sh -c 'echo wait""s; exec sleep 1000'\r`);
    await shell.sees('waits');
    shell.type('\x03');
    await shell.sees(/[$#] /);
    shell.type('exit 3\r');
    const { code, said } = await shell.end();
    expect(said).toContain('command terminated with exit code 3');
    expect(code).toBe(3);
  });

  it('run -it --rm --restart=Never: attaches to a terminal, gives the exit code, and leaves nothing', async () => {
    const name = `visit-${clients.version.replace('.', '-')}`;
    const override = JSON.stringify({ spec: { nodeName: 'tty-1' } });
    const visit = session('run', name, '-it', '--rm', '--restart=Never', '--image=busybox', `--overrides=${override}`, '--', 'sh');
    visit.type('\r');
    await visit.sees(/[$#] /);
    visit.type('echo $((20 + 22)); tty\r');
    await visit.sees('42');
    await visit.sees('/dev/pts/');
    visit.type('exit 4\r');
    const { said } = await visit.end();
    expect(said).toContain(`pod "${name}" deleted`);
    expect(await real.kubectl(clients, ['get', 'pods', name], { peer: 0 })).toMatchObject({ code: 1 });
  });

  it.skipIf(clients.version === '1.20')('debug -it: a terminal in a container that is added to a pod that runs', async () => {
    const name = `look-${clients.version.replace('.', '-')}`;
    const look = session('debug', '-it', 'shell', '-c', name, '--image=busybox', '--target=main', '--', 'sh');
    look.type('\r');
    await look.sees(/[$#] /);
    look.type('echo $((20 + 22)); tty\r');
    await look.sees('42');
    await look.sees('/dev/pts/');
    look.type('exit\r');
    expect((await look.end()).code).toBe(0);
  });

  it('run -i --rm: standard input ends with the attachment', async () => {
    const name = `pipe-${clients.version.replace('.', '-')}`;
    const words = ['run', name, '-i', '--rm', '--restart=Never', '--image=busybox', '--', 'cat'];
    const { code, out } = await real.kubectl(clients, words, { peer: 1, stdin: 'through the pod\n' });
    expect(out).toContain('through the pod\n');
    expect(code).toBe(0);
  });
}
