import type { DesiredObject } from '../../../protocol/objects.ts';
import type { RuntimeEvent } from '../../support/simulated-runtime.ts';
import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';

/** After the thaw of a host that was paused whole its copies may run so long. */
const THAW_MS = 100;

interface Copy {
  host: SimHost;
  podUid: string;
  container: string;
  token: number;
}

/**
 * Of what must run at most once no two copies run at the same moment, by the word of the engines; and later copies have greater tokens. What a host that is paused
 * whole runs is no copy until it goes on.
 */
export class AnytimeAtMostOne implements Checker {
  readonly name = 'anytimeAtMostOne';
  /** Every pod and owner that any replica held, by uid, as it was last. */
  private readonly seen = new Map<string, DesiredObject>();
  private readonly copies = new Map<string, Copy[]>();
  private readonly tokens = new Map<string, { token: number; podUid: string }>();

  onBoot(_host: SimHost, { replica }: SimDaemon): void {
    for (const object of replica.all()) this.seen.set(object.uid, object);
    replica.onChanged((changes) => {
      for (const { after } of changes) if (after !== undefined) this.seen.set(after.uid, after);
    });
  }

  onContainer(host: SimHost, { what, podUid, container, attempt }: RuntimeEvent, world: SimWorld): void {
    const resource = this.resourceOf(podUid);
    if (resource === undefined || what !== 'start') return;
    const started = host.runtime.started.findLast(({ pod, attempt: of }) => pod.uid === podUid && of === attempt);
    const token = Number(started?.env['TOKEN'] ?? Number.NaN);
    // Without leases such workloads start as any other.
    if (!world.hasLeases) return;
    if (!(token > 0)) throw new Violation(this.name, `${resource} starts on ${host.node} as ${podUid} without a lease`);
    const before = this.tokens.get(resource);
    if (before !== undefined && (token < before.token || (token === before.token && podUid !== before.podUid)))
      throw new Violation(this.name, `${resource} starts on ${host.node} with token ${token}, after one with ${before.token}`);
    this.tokens.set(resource, { token, podUid });
    this.copies.set(resource, [...(this.copies.get(resource) ?? []), { host, podUid, container, token }]);
    this.look(resource, world);
  }

  onTick(world: SimWorld): void {
    for (const resource of this.copies.keys()) this.look(resource, world);
  }

  private look(resource: string, world: SimWorld): void {
    const running = (this.copies.get(resource) ?? []).filter(isRunning);
    this.copies.set(resource, running);
    const now = world.clock.monotonic();
    const counted = running.filter(({ host }) => !host.isPaused && now - host.thawedAt > THAW_MS);
    if (counted.length < 2) return;
    const told = counted.map(({ host, podUid, token }) => `${podUid} on ${host.node} with token ${token}`).join(' and ');
    throw new Violation(this.name, `${resource} runs as ${told}`);
  }

  /** A numbered pod by its name, others by the slot that they fill. Undefined: it may run in many copies. */
  private resourceOf(podUid: string): string | undefined {
    const pod = this.seen.get(podUid);
    const reference = pod?.object.metadata.ownerReferences?.find(({ controller }) => controller === true);
    const owner = this.seen.get(reference?.uid ?? '');
    if (pod === undefined || owner === undefined) return undefined;
    const asked = owner.object.metadata.annotations?.['kith.dev/partition'];
    if (asked !== 'majority' && !(owner.object.kind === 'StatefulSet' && asked === undefined)) return undefined;
    return `${owner.key}/${pod.object.kith?.slot?.slot ?? pod.object.metadata.name}`;
  }
}

function isRunning({ host, podUid, container }: Copy): boolean {
  return host.runtime.inspect(podUid)?.containers.some(({ name, state }) => name === container && state === 'running') === true;
}
