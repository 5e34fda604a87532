import { describe, expect, it } from 'vitest';
import type { ConflictsAnswer } from '../../protocol/answers.ts';
import type { Deployment, Node, Pod } from '../../protocol/types.ts';
import { realPeers } from '../support/real-peers.ts';
import { counters, hello, isReady, namesOf, pod } from '../support/workloads.ts';
import { PATIENCE_MS, waitFor } from '../support/wait.ts';

describe('three peers', () => {
  const peers = realPeers(3, 'walk');
  const { cluster } = peers;

  /** Until all peers know whether walk-2 takes new pods: the leader decides by what it knows. */
  async function waitSchedulable(wanted: boolean): Promise<void> {
    await waitFor('all peers know about walk-2', async () => {
      const views = await Promise.all(cluster.peers.map(async (peer) => peers.list<Node>(peer.index, '/api/v1/nodes')));
      return views.every((nodes) =>
        nodes.some(({ metadata, spec }) => metadata.name === 'walk-2' && (spec.unschedulable !== true) === wanted),
      );
    });
  }

  it('see each other, follow one leader and tell so', async () => {
    for (const peer of cluster.peers) {
      const lines = (await peers.kith(peer.index, ['peers'])).trimEnd().split('\n');
      expect(lines[0]).toMatch(/^NODE +STATE +FOR +LEADER/);
      expect(lines.slice(1).map((line) => line.split(/ +/)[0])).toEqual(['walk-1', 'walk-2', 'walk-3']);
      for (const line of lines.slice(1)) expect(line).toMatch(/ alive/);
      const column = lines[0]?.indexOf('LEADER') ?? -1;
      expect(lines.filter((line) => line.slice(column).startsWith('yes'))).toHaveLength(1);
    }
    const nodes = await peers.kith(2, ['get', 'nodes']);
    expect(nodes.match(/ Ready /g)).toHaveLength(3);
  });

  it('run a replication controller of three on three nodes, whichever peer it was applied at', async () => {
    const applied = await peers.command(0, ['apply', '-f', '-'], { stdin: JSON.stringify(counters('counter', 3)) });
    // No warning: another peer has it on disk.
    expect(applied).toEqual({ code: 0, out: 'replicationcontroller/counter created\n', err: '' });
    const pods = await peers.waitReady(2, 'app=counter', 3);
    expect(new Set(pods.map(({ spec }) => spec.nodeName)).size).toBe(3);
    await waitFor('the counts at another peer', async () => /counter +3 +3 +3/.test(await peers.kith(1, ['get', 'rc'])), {
      timeoutMs: PATIENCE_MS,
    });
  });

  it('make one controller of a manifest that is applied at two peers at the same moment', async () => {
    const stdin = JSON.stringify(counters('twin', 3));
    const answers = await Promise.all([0, 2].map(async (index) => peers.command(index, ['apply', '-f', '-'], { stdin })));
    for (const { code, err } of answers) expect(code === 0 ? '' : err).toMatch(/^$|AlreadyExists/);
    const uids = await Promise.all(
      cluster.peers.map(async ({ index }) => {
        const pods = await peers.waitReady(index, 'app=twin', 3);
        return JSON.stringify([await peers.kith(index, ['get', 'rc', 'twin', '-o', 'jsonpath={.metadata.uid}']), namesOf(pods)]);
      }),
    );
    expect(new Set(uids).size).toBe(1);
    await peers.kith(1, ['delete', 'rc', 'twin']);
    await waitFor('no twins', async () => (await peers.pods(0, 'app=twin')).length === 0, { timeoutMs: PATIENCE_MS });
    await peers.waitNothingTwice(0);
  });

  it('wait for a deleted pod to be gone, and replace it', async () => {
    const victim = (await peers.pods(1, 'app=counter'))[0] as Pod;
    expect(await peers.kith(1, ['delete', 'pod', victim.metadata.name])).toBe(`pod "${victim.metadata.name}" deleted\n`);
    expect(namesOf(await peers.pods(1, 'app=counter'))).not.toContain(victim.metadata.name);
    const pods = await peers.waitReady(0, 'app=counter', 3);
    expect(namesOf(pods)).not.toContain(victim.metadata.name);
    await peers.waitNothingTwice(0);
  });

  it('scale up by adding pods and down by removing the youngest', async () => {
    const before = namesOf(await peers.pods(1, 'app=counter'));
    expect(await peers.kith(1, ['scale', 'rc/counter', '--replicas=5'])).toBe('replicationcontroller/counter scaled\n');
    const more = await peers.waitReady(2, 'app=counter', 5);
    expect(namesOf(more)).toEqual(expect.arrayContaining(before));
    await peers.kith(2, ['scale', 'rc', 'counter', '--current-replicas=5', '--replicas=3']);
    expect(namesOf(await peers.waitReady(0, 'app=counter', 3))).toEqual(before);
    const refused = await peers.command(0, ['scale', 'rc', 'counter', '--current-replicas=5', '--replicas=1']);
    expect(refused).toMatchObject({ code: 1, err: 'error: Expected replicas to be 5, was 3\n' });
    await peers.waitNothingTwice(0);
  });

  it('print the log of a pod of another host, and end following it when the pod is deleted', async () => {
    const [victim] = await peers.pods(0, 'app=counter');
    const elsewhere = cluster.peers.find((peer) => peer.node !== victim?.spec.nodeName)?.index ?? 0;
    const name = victim?.metadata.name ?? '';
    expect(await peers.kith(elsewhere, ['logs', name])).toMatch(/^count 1\ncount 2\n/);
    expect((await peers.kith(elsewhere, ['logs', '--tail=1', name])).trim().split('\n')).toHaveLength(1);
    let told = '';
    const followed = peers.command(elsewhere, ['logs', '-f', '--tail=1', name], { onOut: (text) => (told += text) });
    await waitFor('new lines', () => told.split('\n').length > 3, { timeoutMs: PATIENCE_MS });
    await peers.kith(0, ['delete', 'pod', name]);
    expect((await followed).code).toBe(0);
    await peers.waitReady(0, 'app=counter', 3);
    expect(await peers.kith(elsewhere, ['logs', '-l', 'app=counter', '--prefix', '--tail=1'])).toMatch(
      /^\[pod\/counter-\w+\/counter\] count/m,
    );
  });

  it('update a deployment and never have fewer ready pods than it asks for', async () => {
    await peers.apply(1, hello('web', 3, 1));
    const old = namesOf(await peers.waitReady(0, 'app=web', 3));
    const stop = new AbortController();
    const counts = cluster.peers.map((): number[] => []);
    const watch = async (index: number): Promise<void> => {
      const seen = new Map<string, Pod>();
      const request = { path: '/api/v1/namespaces/default/pods', query: { labelSelector: 'app=web' }, signal: stop.signal };
      for await (const { type, object } of cluster.peer(index).client.watch(request)) {
        const { metadata } = object as Pod;
        if (type === 'DELETED') seen.delete(metadata.name);
        else seen.set(metadata.name, object as Pod);
        counts[index]?.push([...seen.values()].filter(isReady).length);
      }
    };
    const watching = cluster.peers.map(async ({ index }) => watch(index));
    await waitFor('the watches have begun', () => counts.every((each) => each.at(-1) === 3), { timeoutMs: PATIENCE_MS });
    const from = counts.map((each) => each.length - 1);
    expect(await peers.apply(1, hello('web', 3, 2))).toBe('deployment.apps/web configured\n');
    const pods = await waitFor(
      'three ready pods of the new version',
      async () => {
        const present = await peers.pods(0, 'app=web');
        return present.length === 3 && present.every((one) => isReady(one) && !old.includes(one.metadata.name)) ? present : undefined;
      },
      { timeoutMs: PATIENCE_MS, everyMs: 50 },
    );
    stop.abort();
    await Promise.all(watching);
    for (const [index, each] of counts.entries()) expect(Math.min(...each.slice(from[index]))).toBe(3);
    for (const { status } of pods) {
      expect(await (await fetch(`http://${status?.podIP ?? ''}:8080/`)).text()).toMatch(/^hello 2 from web-/);
    }
    const sets = await peers.kith(2, ['get', 'rs', '-l', 'app=web', '--no-headers']);
    expect(
      sets
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ +/).slice(1, 4).join(' '))
        .sort(),
    ).toEqual(['0 0 0', '3 3 3']);
    const described = await peers.kith(2, ['describe', 'deployment', 'web']);
    expect(described).toMatch(/Replicas: +3 desired \| 3 updated \| 3 total \| 3 available \| 0 unavailable/);
    expect(described).toMatch(/ScalingReplicaSet/);
  });

  it('say in Kubernetes words why no node takes a pod', async () => {
    await peers.apply(0, pod('giant', { cpu: '500' }));
    const message =
      '0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.';
    await waitFor('the event', async () => (await peers.kith(2, ['get', 'events'])).includes(`FailedScheduling`), {
      timeoutMs: PATIENCE_MS,
    });
    expect(await peers.kith(2, ['get', 'events'])).toContain(message);
    expect(await peers.kith(1, ['describe', 'pod', 'giant'])).toMatch(
      /Warning +FailedScheduling .*0\/3 nodes are available: 3 Insufficient cpu\./,
    );
    expect(await peers.kith(1, ['get', 'pod', 'giant'])).toMatch(/giant +0\/1 +Pending/);
    await peers.kith(1, ['delete', 'pod', 'giant']);
  });

  it('put no new pod on a cordoned node until it is uncordoned, and drain it', async () => {
    expect(await peers.kith(0, ['cordon', 'walk-2'])).toBe('node/walk-2 cordoned\n');
    await waitSchedulable(false);
    expect(await peers.kith(2, ['get', 'nodes'])).toMatch(/walk-2 +Ready,SchedulingDisabled/);
    await peers.apply(2, counters('elsewhere', 4));
    const pods = await peers.waitReady(0, 'app=elsewhere', 4);
    expect(pods.map(({ spec }) => spec.nodeName)).not.toContain('walk-2');
    expect(await peers.kith(0, ['uncordon', 'walk-2'])).toBe('node/walk-2 uncordoned\n');
    await waitSchedulable(true);
    await peers.kith(0, ['scale', 'rc/elsewhere', '--replicas=6']);
    const more = await peers.waitReady(0, 'app=elsewhere', 6);
    expect(more.map(({ spec }) => spec.nodeName)).toContain('walk-2');
    expect(await peers.kith(2, ['drain', 'walk-2'])).toMatch(/^node\/walk-2 cordoned\n(pod\/[\w-]+ evicted\n)+node\/walk-2 drained\n$/);
    const moved = await peers.waitReady(0, 'app=elsewhere', 6);
    expect(moved.map(({ spec }) => spec.nodeName)).not.toContain('walk-2');
    await peers.kith(0, ['uncordon', 'walk-2']);
    await waitSchedulable(true);
    expect(await peers.kith(0, ['delete', 'rc', 'elsewhere'])).toBe('replicationcontroller "elsewhere" deleted\n');
    await waitFor('its pods are collected', async () => (await peers.pods(1, 'app=elsewhere')).length === 0, { timeoutMs: PATIENCE_MS });
  });

  it('label and annotate objects, and find them by label', async () => {
    const [first, second] = await peers.pods(0, 'app=counter');
    const name = first?.metadata.name ?? '';
    expect(await peers.kith(0, ['label', 'pod', name, 'tier=front'])).toBe(`pod/${name} labeled\n`);
    expect(await peers.kith(0, ['annotate', 'pod', name, 'note=a b=c'])).toBe(`pod/${name} annotated\n`);
    await waitFor('the label at another peer', async () => (await peers.pods(2, 'tier=front')).length === 1);
    expect(await peers.kith(2, ['get', 'pods', '-l', 'tier in (front, back)', '-o', 'name'])).toBe(`pod/${name}\n`);
    const others = await peers.kith(2, ['get', 'pods', '-l', 'app=counter,tier!=front', '-o', 'name']);
    expect(others).toContain(second?.metadata.name);
    expect(others).not.toContain(name);
    expect(await peers.kith(2, ['get', 'pod', name, '-o', 'jsonpath={.metadata.annotations.note}'])).toBe('a b=c');
    const clash = await peers.command(2, ['label', 'pod', name, 'tier=back']);
    expect(clash).toMatchObject({ code: 1, err: "error: 'tier' already has a value (front), and --overwrite is false\n" });
    await peers.kith(2, ['label', '--overwrite', 'pod', name, 'tier=back']);
    await peers.kith(2, ['label', 'pod', name, 'tier-']);
    expect((await peers.pods(2, 'tier')).length).toBe(0);
  });

  it('show objects in every form', async () => {
    const [one] = await peers.pods(1, 'app=counter');
    const name = one?.metadata.name ?? '';
    const wide = await peers.kith(1, ['get', 'pods', '-o', 'wide']);
    expect(wide).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE/);
    expect(wide).toMatch(new RegExp(`${name} +1/1 +Running +0 +\\S+ +127\\.\\S+ +${one?.spec.nodeName ?? ''}`));
    expect(await peers.kith(1, ['get', 'pod', name, '-o', 'name'])).toBe(`pod/${name}\n`);
    expect(await peers.kith(1, ['get', 'pod', name, '-o', 'yaml'])).toMatch(/^apiVersion: v1\nkind: Pod\nmetadata:\n/);
    expect((JSON.parse(await peers.kith(1, ['get', 'pod', name, '-o', 'json'])) as Pod).metadata.uid).toBe(one?.metadata.uid);
    const listed = JSON.parse(await peers.kith(1, ['get', 'rc,deploy', '-o', 'json'])) as { kind: string; items: { kind: string }[] };
    expect([listed.kind, ...listed.items.map(({ kind }) => kind)]).toEqual(['List', 'ReplicationController', 'Deployment']);
    const phases = await peers.kith(1, ['get', 'pods', '-l', 'app=counter', '-o', 'jsonpath={.items[*].status.phase}']);
    expect(phases).toBe('Running Running Running');
    const described = await peers.kith(1, ['describe', 'pod', name]);
    expect(described).toMatch(/Status: +Running/);
    expect(described).toMatch(/Controlled By: +ReplicationController\/counter/);
    expect(described).toMatch(/Normal +Started /);
    expect(await peers.kith(1, ['describe', 'node', one?.spec.nodeName ?? ''])).toContain(name);
    expect(await peers.kith(1, ['describe', 'rc', 'counter'])).toMatch(/3 Running \/ 0 Waiting/);
  });

  it('keep namespaces apart, and delete one with all that is in it', async () => {
    await peers.apply(0, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
    await waitFor('the namespace at another peer', async () => (await peers.command(2, ['get', 'ns', 'team'])).code === 0);
    await peers.apply(2, counters('inside', 2, 'team'));
    await waitFor('both run', async () => (await peers.pods(0, 'app=inside', 'team')).filter(isReady).length === 2, {
      timeoutMs: PATIENCE_MS,
    });
    expect(await peers.kith(1, ['get', 'pods', '-n', 'team', '-o', 'name'])).toMatch(/^(pod\/inside-\w+\n){2}$/);
    expect(await peers.kith(1, ['get', 'pods'])).not.toContain('inside');
    expect(await peers.kith(1, ['get', 'pods', '-A'])).toMatch(/^NAMESPACE +NAME[^]*team +inside-/);
    expect(await peers.kith(1, ['delete', 'namespace', 'team'])).toBe('namespace "team" deleted\n');
    expect(await peers.pods(1, 'app=inside', 'team')).toEqual([]);
    const again = await peers.command(2, ['get', 'ns', 'team']);
    expect(again.err).toBe('Error from server (NotFound): namespaces "team" not found\n');
    await peers.waitNothingTwice(0);
  });

  it('show changes as they happen', async () => {
    const stop = new AbortController();
    let told = '';
    const watching = peers.command(2, ['get', 'pods', '-l', 'app=seen', '-w'], { signal: stop.signal, onOut: (text) => (told += text) });
    await peers.apply(0, pod('seen', { cpu: '10m' }, { app: 'seen' }));
    await waitFor('it runs', () => /seen +1\/1 +Running/.test(told), { timeoutMs: PATIENCE_MS });
    await peers.kith(0, ['delete', 'pod', 'seen']);
    await waitFor('it ends', () => /seen +\d\/1 +Terminating/.test(told), { timeoutMs: PATIENCE_MS });
    stop.abort();
    await watching;
    expect(told.match(/NAME +READY/g)).toHaveLength(1);
    expect(told).toMatch(/seen +0\/1 +Pending/);
  });

  it('tell of two edits of one field at the same moment, until someone decides', async () => {
    const conflictsOf = async (index: number): Promise<ConflictsAnswer['conflicts']> =>
      (await cluster.peer(index).client.get<ConflictsAnswer>('/kith.dev/v1/conflicts')).conflicts;
    let turn = 0;
    const edit = async (index: number): Promise<unknown> =>
      peers.kith(index, ['annotate', '--overwrite', 'deployment', 'web', `said-by=peer-${index}-${turn}`]);
    await waitFor(
      'a conflict',
      async () => {
        turn += 1;
        await Promise.all(cluster.peers.map(async ({ index }) => edit(index)));
        return (await conflictsOf(0)).length > 0;
      },
      { timeoutMs: PATIENCE_MS },
    );
    await waitFor('all peers tell the same', async () => {
      const views = await Promise.all(cluster.peers.map(async ({ index }) => conflictsOf(index)));
      return views.every((view) => view.length === 1 && JSON.stringify(view[0]?.winner) === JSON.stringify(views[0]?.[0]?.winner));
    });
    const [conflict] = await conflictsOf(1);
    expect(conflict).toMatchObject({ key: 'deployments.apps/default/web' });
    expect(await peers.kith(1, ['conflicts'])).toMatch(/deployments\.apps\/default\/web .*said-by/);
    const held = (await cluster.peer(2).client.get<Deployment>('/apis/apps/v1/namespaces/default/deployments/web')).metadata;
    expect(held.annotations?.['said-by']).toBe(conflict?.winner);
    await peers.kith(1, ['annotate', '--overwrite', 'deployment', 'web', 'said-by=all']);
    await waitFor('the conflict is settled', async () => (await conflictsOf(2)).length === 0);
    expect(await peers.kith(1, ['conflicts'])).toBe('No conflicts.\n');
  });
});
