import { expect, it } from 'vitest';
import { RECONCILE_ANNOTATION, type ReconcilePolicy } from '../../../protocol/policies.ts';
import { counters, isReady } from '../../support/workloads.ts';
import type { RunningContainer } from '../cluster.ts';
import { logEngines } from '../engine-log.ts';
import { story } from '../in-lab.ts';
import type { LabHost } from '../types.ts';

/** After the heal: longer than what heirs and the heal wait for news. */
const QUIET_MS = 5_000;

/** A Deployment of one pod: where it runs before the split, what it asks for, and which of its two copies the heal keeps. */
interface Case {
  name: string;
  home: 'minority' | 'majority';
  policy?: ReconcilePolicy;
  kept: 'original' | 'copy';
}

const CASES: readonly Case[] = [
  { name: 'moved', home: 'minority', kept: 'copy' },
  { name: 'keeps-original', home: 'minority', policy: 'keep-original', kept: 'original' },
  { name: 'keeps-oldest', home: 'minority', policy: 'longest-running', kept: 'original' },
  { name: 'stays', home: 'majority', kept: 'original' },
  { name: 'keeps-copy', home: 'majority', policy: 'keep-replacement', kept: 'copy' },
];

export const reconcileStory = story('what a heal keeps of workloads that both sides of a split ran', (cluster) => {
  const minority = (): LabHost[] => [cluster.host(1)];
  const majority = (): LabHost[] => [cluster.host(2), cluster.host(3)];
  const homeOf = ({ home }: Case): LabHost => cluster.host(home === 'minority' ? 1 : 2);
  let originals = new Map<string, RunningContainer>();
  const copies = new Map<string, RunningContainer>();

  /** By workload, the containers that these hosts' engines run: one of each. */
  async function runningOn(hosts: readonly LabHost[]): Promise<Map<string, RunningContainer>> {
    const containers = [...(await cluster.running([...hosts])).values()];
    return new Map(
      CASES.flatMap(({ name }) => {
        const own = containers.filter(({ pod }) => pod.startsWith(`${name}-`));
        expect(own.length, `${name}: ${own.map(({ pod, node }) => `${pod} on ${node}`).join(', ')}`).toBeLessThan(2);
        return own.map((container): [string, RunningContainer] => [name, container]);
      }),
    );
  }

  it('each side runs its own copy of what the other had', async () => {
    const [one, two] = [cluster.host(1), cluster.host(2)];
    for (const each of CASES) await cluster.apply(one, single(each, homeOf(each)));
    for (const each of CASES) await cluster.waitServing(one, `app=${each.name}`, 1, [homeOf(each)]);
    originals = await runningOn(cluster.lab.hosts);
    expect([...originals.keys()]).toEqual(CASES.map(({ name }) => name));

    await cluster.lab.network.cut(minority(), majority());
    for (const { name } of CASES) {
      await cluster.waitServing(two, `app=${name}`, 1, majority());
      await cluster.waitServing(one, `app=${name}`, 1, minority());
    }
    const [ours, theirs] = [await runningOn(minority()), await runningOn(majority())];
    for (const { name, home } of CASES) {
      const [original, copy] = home === 'minority' ? [ours, theirs] : [theirs, ours];
      expect(original.get(name)).toEqual(originals.get(name));
      copies.set(name, copy.get(name)!);
    }
    expect(copies.size).toBe(CASES.length);
  });

  it('of each the copy stays that its annotation asks for, or else the majority; that one is not touched, and the other is stopped once', async () => {
    const lost = CASES.map(({ name, kept }) => (kept === 'original' ? copies : originals).get(name)!.uid);
    const stopped = await logEngines(
      cluster.lab.hosts,
      QUIET_MS,
      ({ action, uid }) => action === 'die' && lost.includes(uid),
      async () => {
        await cluster.lab.network.uncut(minority(), majority());
        await cluster.lab.waitAllAlive();
        for (const host of cluster.lab.hosts) {
          await cluster.waitReady(host, undefined, CASES.length);
          await cluster.waitNothingTwice(host);
        }
      },
    );
    expect(stopped.map(({ uid }) => uid).sort()).toEqual([...lost].sort());
    const now = await runningOn(cluster.lab.hosts);
    for (const { name, kept } of CASES) expect(now.get(name), name).toEqual((kept === 'original' ? originals : copies).get(name));
    await cluster.waitSameState();
    for (const host of cluster.lab.hosts) {
      const pods = await cluster.pods(host);
      expect(pods.every(isReady)).toBe(true);
      expect(pods.map(({ metadata }) => metadata.uid).sort()).toEqual([...now.values()].map(({ uid }) => uid).sort());
    }
  });
});

/** A Deployment of one shell that counts, which would rather run on `home` and may run anywhere. */
function single({ name, policy }: Case, home: LabHost): unknown {
  const { spec } = counters(name, 1) as { spec: { template: { spec: object } } };
  const term = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [home.node] }] };
  const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, preference: term }] } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, ...(policy === undefined ? {} : { annotations: { [RECONCILE_ANNOTATION]: policy } }) },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { ...spec.template, spec: { ...spec.template.spec, affinity } },
    },
  };
}
