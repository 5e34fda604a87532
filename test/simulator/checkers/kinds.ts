import { canonicalJson } from '../../../protocol/json.ts';
import { objectKey, type DesiredObject } from '../../../protocol/objects.ts';
import type { DaemonSetSpec, JobSpec, PodSpec, StatefulSetSpec } from '../../../protocol/types.ts';
import type { RuntimeEvent } from '../../support/simulated-runtime.ts';
import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';
import { longestBackOff, SOON_MS } from './convergence.ts';

/** A completion of a Job that is known to have succeeded is not started again by who knows it. */
export class AnytimeCompletedNeverRunsAgain implements Checker {
  readonly name = 'anytimeCompletedNeverRunsAgain';

  private readonly engines = new Set<SimHost>();
  /** What was wrong with the start of a pod when it was asked for: its host may hear more while the engine is at it. */
  private readonly wrong = new Map<string, string | undefined>();

  onBoot(host: SimHost): void {
    if (this.engines.has(host)) return;
    this.engines.add(host);
    const start = host.runtime.startContainer.bind(host.runtime);
    host.runtime.startContainer = (spec, signal) => {
      this.wrong.set(`${host.node} ${spec.pod.uid}`, this.wrongWith(host, spec.pod));
      return start(spec, signal);
    };
  }

  onContainer(host: SimHost, { what, podUid }: RuntimeEvent): void {
    const wrong = this.wrong.get(`${host.node} ${podUid}`);
    if (what === 'start' && wrong !== undefined) throw new Violation(this.name, wrong);
  }

  private wrongWith({ node, daemon }: SimHost, { namespace, name }: { namespace: string; name: string }): string | undefined {
    const pod = daemon?.replica.get(objectKey('pods', namespace, name));
    const owner = pod?.object.metadata.ownerReferences?.find(({ kind }) => kind === 'Job');
    const slot = pod?.object.kith?.slot;
    if (daemon === undefined || pod === undefined || owner === undefined || slot === undefined) return undefined;
    const job = daemon.replica.get(objectKey('jobs.batch', namespace, owner.name));
    if (job?.uid !== owner.uid || job.object.kith?.slots?.[String(slot.slot)]?.done !== 'Succeeded') return undefined;
    return `${node} starts ${pod.key}, and completion ${slot.slot} of ${job.key} has succeeded`;
  }
}

/** StatefulSets have their numbers, DaemonSets a pod on each node, all ready and of the newest template; Jobs have come to their end, once for each completion. */
export class EventuallyKindsAsDesired implements Checker {
  readonly name = 'eventuallyKindsAsDesired';
  private world: SimWorld | undefined;

  get withinMs(): number {
    return SOON_MS + (this.world === undefined ? 0 : longestBackOff(this.world));
  }

  onTick(world: SimWorld): void {
    this.world = world;
  }

  missing(world: SimWorld): string | undefined {
    const up = world.running().filter(({ isGone }) => !isGone);
    const [first] = up;
    if (first === undefined) return 'nobody runs';
    const { daemon } = first;
    const found = ['statefulsets.apps', 'daemonsets.apps', 'jobs.batch'].flatMap((resource) =>
      [...daemon.replica.list(resource)].flatMap((owner): string[] => {
        const wrong = owner.object.metadata.deletionTimestamp === undefined ? this.wrong(daemon, owner) : 'is being deleted';
        return wrong === undefined ? [] : [`${owner.key} ${wrong}`];
      }),
    );
    return found[0];
  }

  private wrong(daemon: SimDaemon, owner: DesiredObject): string | undefined {
    const pods = [...daemon.replica.list('pods')].filter((pod) => ownerOf(pod) === owner.uid);
    if (owner.object.kind === 'Job') return ofJob(owner, pods);
    const { template } = owner.object['spec'] as StatefulSetSpec | DaemonSetSpec;
    const asked = owner.object.kind === 'StatefulSet' ? numbersOf(owner) : nodesFor(daemon);
    const has = pods.map((pod) =>
      owner.object.kind === 'StatefulSet' ? pod.object.metadata.name : (pod.object.kith?.binding?.node ?? ''),
    );
    if (has.sort().join() !== asked.sort().join()) return `asks for ${asked.join(', ') || 'none'} and has ${has.join(', ') || 'none'}`;
    const old = pods.filter((pod) => imagesOf(pod.object['spec'] as PodSpec) !== imagesOf(template.spec));
    return old.length === 0 ? undefined : `has pods of another template: ${old.map(({ key }) => key).join()}`;
  }
}

function ownerOf(pod: DesiredObject): string | undefined {
  return pod.object.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
}

function ofJob(owner: DesiredObject, pods: readonly DesiredObject[]): string | undefined {
  const { completions = 1 } = owner.object['spec'] as JobSpec;
  const done = Object.values(owner.object.kith?.slots ?? {}).filter((state) => state.done === 'Succeeded').length;
  if (done !== completions) return `asks for ${completions} completions and has ${done}`;
  const open = pods.filter(({ object }) => object.kith?.outcome === undefined);
  return open.length === 0 ? undefined : `has completed, and ${open.map(({ key }) => key).join()} has not ended`;
}

function numbersOf({ object }: DesiredObject): string[] {
  const { replicas = 1 } = object['spec'] as StatefulSetSpec;
  return Array.from({ length: replicas }, (_, number) => `${object.metadata.name}-${number}`);
}

/** Of members that stay; in these scenarios nothing else keeps a daemon from a node. */
function nodesFor({ replica, peer }: SimDaemon): string[] {
  const names = peer.view.members().map(({ spec }) => spec.nodeName);
  return names.filter((name) => replica.get(objectKey('nodes', '', name)) !== undefined);
}

function imagesOf(spec: PodSpec | undefined): string {
  return canonicalJson((spec?.containers ?? []).map(({ image }) => image ?? ''));
}
