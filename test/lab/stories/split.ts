import { expect, it } from 'vitest';
import type { Deployment, Pod } from '../../../protocol/types.ts';
import { counters, hello, isReady, namesOf, pod, podText } from '../../support/workloads.ts';
import { PATIENCE_MS, waitFor } from '../../support/wait.ts';
import { pinnedTo, type RunningContainer } from '../cluster.ts';
import { story } from '../in-lab.ts';
import { logEngines } from '../engine-log.ts';

const QUIET_MS = 8_000;

export const splitStory = story('three hosts that are split into one and two', (cluster) => {
  /** Containers of the workload that nobody edits, when all is well and at the end of the split. */
  let [before, split] = [new Map<string, RunningContainer>(), new Map<string, RunningContainer>()];

  it('take writes on both sides, and both run everything', async () => {
    const [one, two, three] = [cluster.host(1), cluster.host(2), cluster.host(3)];
    await cluster.apply(one, hello('web', 3, 1));
    await cluster.apply(one, counters('steady', 3));
    for (const host of [one, two, three]) await cluster.apply(one, pinnedTo(`stays-${host.number}`, host));
    // On the node that is cut off, whose pods the others move: each is deleted on one side, and goes on in its next life on the other or is about to.
    for (const name of ['doomed-by-one', 'doomed-by-two']) await cluster.apply(one, bare(name, one.node));
    await cluster.waitReady(one, undefined, 11);
    await cluster.waitNothingTwice(one);
    before = await steady();
    expect(before.size).toBe(6);

    await cluster.lab.network.cut([one], [two, three]);
    await waitFor('both sides know', async () => {
      const [ours, theirs] = [await cluster.states(one), await cluster.states(two)];
      return ours['host-2'] === 'dead' && ours['host-3'] === 'dead' && theirs['host-1'] === 'dead';
    });
    await cluster.kith(one, ['scale', 'deployment', 'web', '--replicas=5']);
    await cluster.apply(two, hello('web', 3, 2));
    await cluster.apply(one, bare('made-by-one'));
    await cluster.apply(three, bare('made-by-two'));
    await cluster.kith(one, ['delete', 'pod', 'doomed-by-one', '--no-wait']);
    await cluster.kith(two, ['delete', 'pod', 'doomed-by-two', '--no-wait']);
    // The minority waits ten seconds longer before it believes that it is the others that are lost.
    await cluster.waitServing(two, 'app=steady', 3, [two, three]);
    await cluster.waitServing(one, 'app=steady', 3, [one]);
    await cluster.waitServing(one, 'app=web', 5, [one]);
    await waitFor(
      'the new version on the side of two',
      async () => {
        const pods = (await cluster.pods(two, 'app=web')).filter(isReady);
        return pods.length === 3 && pods.every((each) => imageOf(each) === 'kith.dev/hello:2');
      },
      { timeoutMs: PATIENCE_MS, everyMs: 100 },
    );
    split = await steady();
    for (const [id, container] of before) expect(split.get(id)).toEqual(container);
  });

  it('hold the same when they are one again: both edits survive, nothing deleted returns, no healthy pod is restarted', async () => {
    const [one, two, three] = [cluster.host(1), cluster.host(2), cluster.host(3)];
    const copies = new Set([...split.keys()].filter((id) => !before.has(id)));
    const stopped: string[] = [];
    await logEngines(
      cluster.lab.hosts,
      QUIET_MS,
      ({ action, container, pod: name, uid }) => {
        if (container === 'hello' || name.startsWith('doomed-')) return true;
        if (action === 'die') stopped.push(uid);
        return action === 'die' && !name.startsWith('stays-') && !name.startsWith('made-');
      },
      async () => {
        await cluster.lab.network.uncut([one], [two, three]);
        await cluster.lab.waitAllAlive();
        await cluster.waitReady(three, 'app=steady', 3);
        await cluster.waitReady(one, 'app=web', 5);
        // Those that were deleted may take a moment to end.
        await cluster.waitReady(three, 'app=bare', 2);
        await cluster.waitNothingTwice(one);
        await cluster.waitNothingTwice(three);
      },
    );
    const { digest } = await cluster.waitSameState();
    for (const host of cluster.lab.hosts) {
      const [web] = await cluster.list<Deployment>(host, '/apis/apps/v1/namespaces/default/deployments');
      expect(web?.spec).toMatchObject({ replicas: 5, template: { spec: { containers: [{ image: 'kith.dev/hello:2' }] } } });
      const pods = await cluster.pods(host);
      expect(pods.filter(({ metadata }) => metadata.labels?.['app'] === 'web').map(imageOf)).toEqual(Array(5).fill('kith.dev/hello:2'));
      const single = pods.filter(({ metadata }) => metadata.labels?.['app'] === 'bare' || metadata.labels?.['app'] === 'pinned');
      const text = `${host.node} tells of:\n${single.map(podText).join('\n')}`;
      expect(namesOf(single), text).toEqual(['made-by-one', 'made-by-two', 'stays-1', 'stays-2', 'stays-3']);
    }
    const now = await steady();
    // Of the steady ones each is as it was, but the one whose node was cut off from the majority, which has another by now, and what the minority made is gone.
    expect(now.size).toBe(6);
    for (const id of now.keys()) expect(split.has(id)).toBe(true);
    const kept = [...now.keys()].filter((id) => before.has(id));
    expect(kept).toHaveLength(5);
    expect([...now.keys()].filter((id) => copies.has(id))).toHaveLength(1);
    expect((await cluster.waitSameState()).digest).toBe(digest);
  });

  /** Containers of what nobody edits: the steady controller and the pods that stay on their nodes. */
  async function steady(): Promise<Map<string, RunningContainer>> {
    return new Map([...(await cluster.running())].filter(([, { pod: name }]) => name.startsWith('steady-') || name.startsWith('stays-')));
  }
});

function bare(name: string, node?: string): unknown {
  const made = pod(name, { cpu: '10m' }, { app: 'bare' }) as { spec: object };
  return node === undefined ? made : { ...made, spec: { ...made.spec, nodeName: node } };
}

function imageOf({ spec }: Pod): string {
  return spec.containers[0]?.image ?? '';
}
