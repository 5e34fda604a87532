import type { DesiredObject } from '../../../protocol/objects.ts';
import type { Deployment } from '../../../protocol/types.ts';
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
    if (resource === undefined || what === 'stop') return;
    // What starts here now is no second copy of what ended here before.
    const others = (this.copies.get(resource) ?? []).filter(
      (copy) => copy.host !== host || copy.podUid !== podUid || copy.container !== container,
    );
    this.copies.set(resource, others);
    if (what !== 'start') return;
    const started = host.runtime.started.findLast(({ pod, attempt: of }) => pod.uid === podUid && of === attempt);
    const token = Number(started?.env['TOKEN'] ?? Number.NaN);
    // Without leases such workloads start as any other.
    if (!world.hasLeases) return;
    if (!(token > 0)) throw new Violation(this.name, `${resource} starts on ${host.node} as ${podUid} without a lease`);
    const before = this.tokens.get(resource);
    if (before !== undefined && (token < before.token || (token === before.token && podUid !== before.podUid)))
      throw new Violation(this.name, `${resource} starts on ${host.node} with token ${token}, after one with ${before.token}`);
    this.tokens.set(resource, { token, podUid });
    this.copies.set(resource, [...others, { host, podUid, container, token }]);
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

  /** What of a pod runs at most once, as docs/at-most-one.md has it. Undefined: it may run in many copies. */
  private resourceOf(podUid: string): string | undefined {
    const pod = this.seen.get(podUid);
    if (pod === undefined) return undefined;
    const owner = this.ownerOf(pod);
    if (owner === undefined && referenceOf(pod) !== undefined) return undefined;
    const above = owner === undefined ? undefined : this.ownerOf(owner);
    const asked = [pod, owner, above]
      .map((each) => each?.object.metadata.annotations?.['kith.dev/partition'])
      .find((value) => value !== undefined);
    if (asked !== 'majority' && !(owner?.object.kind === 'StatefulSet' && asked === undefined)) return undefined;
    const { slot } = pod.object.kith ?? {};
    if (owner === undefined) return pod.key;
    return `${above !== undefined && isRecreated(above) ? above.key : owner.key}/${slot?.slot ?? pod.object.metadata.name}`;
  }

  private ownerOf(object: DesiredObject): DesiredObject | undefined {
    return this.seen.get(referenceOf(object)?.uid ?? '');
  }
}

function referenceOf({ object }: DesiredObject): { uid: string } | undefined {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true);
}

function isRecreated({ object }: DesiredObject): boolean {
  return (object as Deployment).spec.strategy?.type === 'Recreate';
}

function isRunning({ host, podUid, container }: Copy): boolean {
  return host.runtime.inspect(podUid)?.containers.some(({ name, state }) => name === container && state === 'running') === true;
}
