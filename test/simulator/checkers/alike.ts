import type { ClusterIndex } from '../../../daemon/core/cluster/view.ts';
import { HEIR_SETTINGS } from '../../../daemon/core/heirs/claims.ts';
import { rankHeirs } from '../../../daemon/core/heirs/ranking.ts';
import { NodeTable } from '../../../daemon/core/scheduler/node-table.ts';
import { KithError } from '../../../protocol/errors.ts';
import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import type { SimWorld } from '../world.ts';

/** Who holds the same state decides alike: for each pod all peers rank the same heirs. (The leader, subnets and what a merge shows are looked at elsewhere.) */
export class FinallyHeirsAreAgreed implements Checker {
  readonly name = 'finallyHeirsAreAgreed';

  atRest(world: SimWorld): void {
    const up = world.running().filter(({ isGone }) => !isGone);
    const [first, ...others] = up.map(({ node, daemon }) => ({ node, daemon, table: new NodeTable(daemon.peer.view as ClusterIndex) }));
    if (first === undefined) return;
    for (const pod of first.daemon.replica.list('pods')) {
      const heirs = rankHeirs(first.table, pod, HEIR_SETTINGS.ranks).join();
      for (const { node, table, daemon } of others) {
        const same = daemon.replica.get(pod.key);
        const theirs = same === undefined ? 'nobody' : rankHeirs(table, same, HEIR_SETTINGS.ranks).join();
        if (theirs !== heirs)
          throw new Violation(this.name, `${pod.key} has the heirs ${heirs} at ${first.node}, and ${theirs} at ${node}`);
      }
    }
  }
}

const EVERY_TICKS = 20;
const RESOURCE = 'namespaces';

/** A version is one peer's: another tells who comes with it to list again, and never goes on from it. */
export class AnytimeVersionsAreOnesOwn implements Checker {
  readonly name = 'anytimeVersionsAreOnesOwn';
  private ticks = 0;

  onTick(world: SimWorld): void {
    this.ticks += 1;
    if (this.ticks % EVERY_TICKS > 0) return;
    const given = world.running().map(({ node, daemon }) => {
      const { objects } = daemon.peer;
      return { node, objects, version: objects.list(RESOURCE).resourceVersion };
    });
    for (const at of given) {
      for (const from of given) {
        if (at !== from && goesOn(at.objects, from.version))
          throw new Violation(this.name, `${at.node} goes on from ${from.version}, a version that ${from.node} gave out`);
      }
      if (!goesOn(at.objects, at.version))
        throw new Violation(this.name, `${at.node} does not go on from ${at.version}, which it just gave out`);
    }
  }
}

/** Whether a watch begins there. It ends at once. */
function goesOn(objects: { watch(resource: string, version: string, signal: AbortSignal): unknown }, version: string): boolean {
  try {
    objects.watch(RESOURCE, version, AbortSignal.abort());
    return true;
  } catch (error) {
    if (error instanceof KithError && error.code === 'Expired') return false;
    throw error;
  }
}
