import type { LabCluster, RunningContainer } from '../lab/cluster.ts';
import type { LabHost } from '../lab/types.ts';
import { isReady } from '../support/workloads.ts';
import { waitFor } from '../support/wait.ts';
import type { Book } from './book.ts';
import { shownOf, workloads } from './writer.ts';

/** From the end of the last hurt until all must be as desired: a starved machine, heirs' turns, and the doubt of a minority. */
export const CALM_MS = 120_000;

/** What a daemon says of the hurts that it has to answer with an error: its disk was filled, it was removed. */
const OF_HURTS = [/is full: nothing was written|ENOSPC/, /this host was removed from the cluster/];

/**
 * What must hold when the hurts have stopped.
 * @param members they alone must agree
 * @param toldBefore errors in the daemons' logs that an earlier check has told; those of this one are added
 * @returns what is wrong
 */
export async function check(cluster: LabCluster, members: readonly LabHost[], book: Book, toldBefore: Set<string>): Promise<string[]> {
  const [first] = members;
  if (first === undefined) return [];
  const wrong = cluster.errorsLogged().filter((line) => !OF_HURTS.some((hurt) => hurt.test(line)) && !toldBefore.has(line));
  for (const line of wrong) toldBefore.add(line);
  const must = async (what: () => Promise<unknown>): Promise<void> => {
    await what().catch((error: unknown) => wrong.push((error as Error).message));
  };
  await must(() => cluster.lab.waitAllAlive(members, { timeoutMs: CALM_MS }));
  await must(() => waitExactlyReplicas(cluster, first));
  await must(() => cluster.waitNothingTwice(first, undefined, CALM_MS));
  await must(() => cluster.waitSameState([...members], CALM_MS));
  if (wrong.length > 0) return wrong;
  const shown = (await workloads(first)).map(shownOf);
  wrong.push(...book.check(shown));
  book.settle(shown);
  return wrong;
}

/** Each controller has exactly as many pods as it asks for, all ready, and there is no pod without a controller. */
async function waitExactlyReplicas(cluster: LabCluster, asked: LabHost): Promise<void> {
  let last = '';
  await waitFor(
    'each workload has exactly its replicas',
    async () => {
      const [owners, pods] = [await workloads(asked), await cluster.pods(asked)];
      const counted = owners.map(({ metadata, spec }) => {
        const owned = pods.filter((pod) => pod.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid));
        return { name: metadata.name, wants: spec.replicas, has: owned.length, ready: owned.filter(isReady).length };
      });
      const orphans = pods.length - counted.reduce((sum, { has }) => sum + has, 0);
      last = JSON.stringify({ counted, orphans });
      return orphans === 0 && counted.every(({ wants, has, ready }) => wants === has && wants === ready);
    },
    { timeoutMs: CALM_MS, everyMs: 100 },
  ).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}: ${last}`, { cause: error });
  });
}

/**
 * Pods that were running before and are desired on the same node after: their containers are the same ones, never started again, where nothing ended them.
 * @param hurt nodes whose containers were ended by a hurt
 */
export function restartsAmong(
  before: ReadonlyMap<string, RunningContainer>,
  after: ReadonlyMap<string, RunningContainer>,
  hurt: ReadonlySet<string>,
): string[] {
  const now = new Map([...after.values()].map((container) => [`${container.node} ${container.uid}`, container]));
  return [...before.values()].flatMap((container) => {
    const same = now.get(`${container.node} ${container.uid}`);
    if (hurt.has(container.node) || same === undefined) return [];
    if (same.id === container.id && same.startedAt === container.startedAt) return [];
    return [`the container of ${container.pod} on ${container.node} was started again, though nothing ended it`];
  });
}
