import type { DesiredObject } from '../../../protocol/objects.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { RuntimeEvent } from '../../support/simulated-runtime.ts';
import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';
import { orderToStop, ownerOf, REPLACED } from './containers.ts';
import { uidsRunning } from './convergence.ts';

/** What has ended for so long all have heard of, where nothing is between them now or was it only a moment ago. */
const KNOWN_MS = 8_000;

/** A pod is not ended for another that fills its slot while that one is long down itself, on a host that can be asked: what it said before a cut is no word of now. */
export class AnytimeTheOtherCopyRuns implements Checker {
  readonly name = 'anytimeTheOtherCopyRuns';
  /** When nothing of a pod ran any more, by node and uid. */
  private readonly endedAt = new Map<string, number>();

  onContainer(host: SimHost, { what, by, podUid, at }: RuntimeEvent, world: SimWorld): void {
    const name = `${host.node} ${podUid}`;
    if (what === 'start') this.endedAt.delete(name);
    if (what === 'exit' || what === 'kill') this.endedAt.set(name, at);
    const isStop = what === 'stop' || (what === 'kill' && by === 'order');
    if (!isStop || host.daemon === undefined) return;
    const pod = host.runtime.inspect(podUid);
    const key = objectKey('pods', pod?.namespace ?? '', pod?.name ?? '');
    if (orderToStop(host.daemon, host.node, podUid, key) !== REPLACED) return;
    const desired = host.daemon.replica.get(key);
    const other = desired === undefined ? undefined : otherCopy(host.daemon, desired);
    const home = world.hosts.find(({ node }) => node === other?.object.kith?.binding?.node);
    if (desired === undefined || other === undefined || home === undefined || home === host || uidsRunning(home).includes(other.uid))
      return;
    // It has come to its end, which is written down there and counts: a copy would do the work once more.
    if (home.daemon?.replica.get(other.key)?.object.kith?.outcome !== undefined) return;
    const downMs = at - (this.endedAt.get(`${home.node} ${other.uid}`) ?? at);
    if (downMs < KNOWN_MS || home.daemon === undefined || !world.network.isOpen(host.id, home.id)) return;
    throw new Violation(
      this.name,
      `${host.node} ends ${desired.key} for ${other.key}, which has not run on ${home.node} for ${Math.round(downMs / 1000)} s`,
    );
  }
}

/** The pod that fills its slot now. */
function otherCopy(daemon: SimDaemon, pod: DesiredObject): DesiredObject | undefined {
  const slot = pod.object.kith?.slot;
  const owner = ownerOf(daemon, pod);
  const state = owner?.object.kith?.slots?.[String(slot?.slot)];
  if (slot === undefined || owner === undefined || state === undefined) return undefined;
  for (const other of daemon.replica.list('pods')) {
    const fills = other.object.kith?.slot;
    if (fills?.owner === owner.uid && fills.slot === slot.slot && fills.generation === state.generation) return other;
  }
  return undefined;
}
