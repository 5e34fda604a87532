import { expect, it } from 'vitest';
import type { Pod } from '../../../protocol/types.ts';
import { podText } from '../../support/workloads.ts';
import { PATIENCE_MS, waitFor } from '../../support/wait.ts';
import { story } from '../in-lab.ts';

/** Starts that are tried while the part that they want is exchanged for a link and back, as fast as a shell can. */
const RACES = 12;
/** One after the other, as containers of a pod start. */
const RACED_MS = RACES * PATIENCE_MS;

/** Volumes as engines mount them: what is decided about them has tests of its own. */
export const volumesStory = story('volumes of pods', (cluster) => {
  const container = (name: string, command: string, more: object = {}): object => ({
    ...{ name, image: 'busybox', imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', command], ...more },
  });
  const pod = (name: string, spec: object): object => ({
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } } },
    spec: { terminationGracePeriodSeconds: 0, ...spec },
  });
  const part = (subPath: string, mountPath = '/part'): object => ({ volumeMounts: [{ name: 'work', mountPath, subPath }] });
  const volumes = [{ name: 'work', emptyDir: {} }];
  const idle = 'exec sleep 100000';

  it('may be parts of others, folders and files, which are made where they are missing', async () => {
    const one = cluster.host(1);
    const prepare = container('prepare', 'mkdir -p /work/a/b; echo deep > /work/a/b/name; echo alone > /work/file; ln -s a /work/inside', {
      volumeMounts: [{ name: 'work', mountPath: '/work' }],
    });
    const containers = [
      container('deep', idle, part('a/b')),
      container('file', idle, part('file')),
      container('linked', idle, part('inside/b')),
      container('made', 'echo new > /part/x; exec sleep 100000', part('not/there')),
      container('all', idle, { volumeMounts: [{ name: 'work', mountPath: '/all' }] }),
    ];
    await cluster.apply(one, pod('parts', { initContainers: [prepare], containers, volumes }));
    await cluster.waitReady(one, 'app=parts', 1);
    const cat = async (name: string, path: string): Promise<string> => cluster.kith(one, ['exec', 'parts', '-c', name, '--', 'cat', path]);
    expect([await cat('deep', '/part/name'), await cat('file', '/part'), await cat('linked', '/part/name')]).toEqual([
      ...['deep\n', 'alone\n', 'deep\n'],
    ]);
    expect(await cat('all', '/all/not/there/x')).toBe('new\n');
    for (const host of cluster.lab.hosts) expect(await host.exec('sh', '-c', 'grep /data/parts/ /proc/self/mountinfo || true')).toBe('');
  });

  it('of ConfigMaps may be taken in parts, which are as they were when their container started, whatever changes', async () => {
    const one = cluster.host(1);
    const config = (level: string): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'levels' }, data: { level } });
    await cluster.apply(one, config('low'));
    const mounts = (subPath: string) => ({ volumeMounts: [{ name: 'levels', mountPath: '/part', subPath }] });
    const items = [{ key: 'level', path: 'deep/level' }];
    const containers = [
      container('file', idle, mounts('deep/level')),
      container('folder', idle, mounts('deep')),
      container('whole', idle, { volumeMounts: [{ name: 'levels', mountPath: '/all' }] }),
    ];
    await cluster.apply(one, pod('levels', { containers, volumes: [{ name: 'levels', configMap: { name: 'levels', items } }] }));
    await cluster.waitReady(one, 'app=levels', 1);
    const cat = async (name: string, path: string): Promise<string> => cluster.kith(one, ['exec', 'levels', '-c', name, '--', 'cat', path]);
    expect([await cat('file', '/part'), await cat('folder', '/part/level')]).toEqual(['low', 'low']);
    await cluster.apply(one, config('high'));
    await waitFor('the whole volume has changed', async () => (await cat('whole', '/all/deep/level')) === 'high', {
      timeoutMs: PATIENCE_MS,
    });
    expect(await cat('file', '/part')).toBe('low');
  });

  it('are no way out to their host: the container that asks for it waits, and says why, while the others of its pod run', async () => {
    const one = cluster.host(1);
    const prepare = container('prepare', 'ln -s /etc /work/out; ln -s ../../../../../../../../etc/hostname /work/up', {
      volumeMounts: [{ name: 'work', mountPath: '/work' }],
    });
    const containers = [container('out', idle, part('out')), container('up', idle, part('up')), container('well', idle, part('in'))];
    await cluster.apply(one, pod('holes', { initContainers: [prepare], containers, volumes }));
    const states = await waitFor(
      'the one that asks for no more than it may runs',
      async () => {
        const [found] = (await cluster.pods(one, 'app=holes')) as [Pod?];
        const known = new Map((found?.status?.containerStatuses ?? []).map(({ name, state }) => [name, state]));
        return known.get('well')?.running === undefined || known.get('up')?.waiting?.reason === 'PodInitializing' ? undefined : known;
      },
      { timeoutMs: PATIENCE_MS },
    );
    for (const name of ['out', 'up']) {
      const message = `failed to prepare subPath for volumeMount "work" of container "${name}": "${name}": `;
      const waiting = { reason: 'CreateContainerConfigError', message: expect.stringContaining(message) as string };
      expect(states.get(name)?.waiting).toEqual(waiting);
    }
  });

  it('can not be exchanged for a link to somewhere else while they are mounted', async () => {
    const one = cluster.host(1);
    const swap = `cd /work; mkdir real; echo inside > real/hostname; ln -s /etc link
while :; do mv -T real kept; mv -T link real; mv -T real link; mv -T kept real; done`;
    const look = 'cat /part/hostname 2>/dev/null; ls -a /part | grep -c passwd; exit 0';
    const containers = [
      container('swaps', swap, { volumeMounts: [{ name: 'work', mountPath: '/work' }] }),
      ...Array.from({ length: RACES }, (_, index) => container(`tries-${index}`, `${look}`, part('real'))),
    ];
    await cluster.apply(one, pod('race', { restartPolicy: 'Never', containers, volumes }));
    const tried = await waitFor(
      'each has run, or was refused',
      async () => {
        const [found] = (await cluster.pods(one, 'app=race')) as [Pod?];
        const all = (found?.status?.containerStatuses ?? []).filter(({ name }) => name.startsWith('tries-'));
        const over = all.filter(({ state }) => state?.terminated !== undefined || state?.waiting?.reason === 'CreateContainerConfigError');
        // One that the engine could not start, as what it was to mount was gone again, has said nothing.
        const ran = over.filter(({ state }) => state?.terminated !== undefined && state.terminated.reason !== 'StartError');
        return over.length === RACES ? ran : undefined;
      },
      { timeoutMs: RACED_MS },
    );
    for (const { name } of tried) {
      const said = await cluster.kith(one, ['logs', 'race', '-c', name]);
      expect(said, `${name} of ${podText((await cluster.pods(one, 'app=race'))[0]!)}`).toMatch(/^(?:inside\n)?0\n$/);
    }
  });

  it('in memory hold what they may, and no more', async () => {
    const one = cluster.host(1);
    const write = 'dd if=/dev/zero of=/memory/fits bs=1M count=3 && ! dd if=/dev/zero of=/memory/more bs=1M count=3 && exec sleep 100000';
    const mounts = { volumeMounts: [{ name: 'memory', mountPath: '/memory' }] };
    const memory = [{ name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } }];
    await cluster.apply(one, pod('memory', { containers: [container('main', write, mounts)], volumes: memory }));
    const [ready] = await cluster.waitReady(one, 'app=memory', 1);
    expect(await cluster.kith(one, ['logs', 'memory'])).toMatch(/No space left on device/);
    const host = cluster.lab.hosts.find(({ node }) => node === ready?.spec.nodeName)!;
    const mounted = async (): Promise<string> => host.exec('sh', '-c', 'grep /volumes/memory /proc/self/mountinfo || true');
    expect(await mounted()).toContain('size=4096k');
    await cluster.kith(one, ['delete', 'pod', 'memory', '--now']);
    await waitFor('nothing of it is mounted any more', async () => (await mounted()) === '', { everyMs: 100 });
  });
});
