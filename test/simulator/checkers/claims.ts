import type { DesiredObject } from '../../../protocol/objects.ts';
import type { RuntimeEvent } from '../../support/simulated-runtime.ts';
import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';
import { uidsRunning } from './convergence.ts';
import { isUntroubled, isWell } from './ways.ts';

/** For so long nothing was wrong between two hosts, and with none of them: longer than any decision waits for a slow disk. */
const SOUND_MS = 12_000;

/** What a node takes to be heard again where the news of its pods is there already, as the heirs have it. */
const NEWS_MS = 2_500;

/** No pod is replaced that runs on a host which the claimer could hear all the time; nor one that came as news of a host that was held for dead and is about to be heard. */
export class AnytimeTheHealthyAreNotReplaced implements Checker {
  readonly name = 'anytimeTheHealthyAreNotReplaced';
  private readonly seen = new Set<string>();
  /** When something was wrong between two hosts, or with one of them, last. */
  private readonly troubledAt = new Map<string, number>();
  /** When each peer heard first of a pod whose node it held for dead, by uid. */
  private readonly news = new Map<SimDaemon, Map<string, number>>();

  onTick(world: SimWorld): void {
    const at = world.clock.monotonic();
    for (const one of world.hosts)
      for (const other of world.hosts)
        if (one !== other && !isUntroubled(world, one, other)) this.troubledAt.set(`${one.id} ${other.id}`, at);
  }

  onBoot(host: SimHost, daemon: SimDaemon, world: SimWorld): void {
    const { replica, peer } = daemon;
    this.troubledAt.set(host.id, world.clock.monotonic());
    const news = new Map<string, number>();
    this.news.set(daemon, news);
    replica.onChanged((changes) => {
      for (const { before, after } of changes) {
        const node = before?.uid === after?.uid ? undefined : after?.object.kith?.binding?.node;
        if (after === undefined || node === undefined || peer.view.memberOfNode(node)?.state !== 'dead') continue;
        news.set(after.uid, world.clock.monotonic());
      }
    });
    replica.onWritten(({ changes }) =>
      world.guard(() => {
        for (const { key } of changes) {
          const owner = replica.get(key);
          if (owner?.object.kith?.slots !== undefined) this.look(host, owner, daemon, world);
        }
      }),
    );
  }

  private look(host: SimHost, owner: DesiredObject, daemon: SimDaemon, world: SimWorld): void {
    const { replica } = daemon;
    for (const [slot, { claim, generation }] of Object.entries(owner.object.kith?.slots ?? {})) {
      const name = `${owner.uid} ${slot} ${generation}`;
      // The claim stays with the slot when its pod is replaced once more.
      if (claim?.node !== host.node || this.seen.has(name)) continue;
      this.seen.add(name);
      for (const pod of replica.list('pods')) {
        const fills = pod.object.kith?.slot;
        if (fills?.owner !== owner.uid || String(fills.slot) !== slot || fills.generation !== claim.from) continue;
        const home = world.hosts.find(({ node }) => node === pod.object.kith?.binding?.node);
        if (home === undefined || home === host || home.isGone || !uidsRunning(home).includes(pod.uid)) continue;
        const newsMs = world.clock.monotonic() - (this.news.get(daemon)?.get(pod.uid) ?? Number.NEGATIVE_INFINITY);
        if (newsMs < NEWS_MS && world.network.isOpen(host.id, home.id) && isWell(home))
          throw new Violation(
            this.name,
            `${host.node} replaces ${pod.key}, of which it heard ${newsMs} ms ago, and which runs on ${home.node}`,
          );
        const soundMs = this.soundMs(host, home, world);
        if (soundMs < SOUND_MS) continue;
        const why = `which runs on ${home.node}, and nothing was wrong between the two for ${Math.round(soundMs / 1000)} s`;
        throw new Violation(this.name, `${host.node} replaces ${pod.key}, ${why}`);
      }
    }
  }

  private soundMs(one: SimHost, other: SimHost, world: SimWorld): number {
    const names = [one.id, other.id, `${one.id} ${other.id}`, `${other.id} ${one.id}`];
    return world.clock.monotonic() - Math.max(0, ...names.map((name) => this.troubledAt.get(name) ?? 0));
  }
}

/** What is promised, whatever the daemon's settings say. */
const MOST_IN_FLIGHT = 10;
const IN_FLIGHT_MS = 60_000;

/** In a mass failure heirs work through a queue: a node has no more claims under way than it can start. */
export class AnytimeClaimsAreBounded implements Checker {
  readonly name = 'anytimeClaimsAreBounded';
  /** Pods that a node claimed and that did not start there yet, by uid: since when. */
  private readonly waiting = new Map<string, Map<string, number>>();

  onBoot(host: SimHost, { replica }: SimDaemon, world: SimWorld): void {
    const waiting = this.waiting.get(host.node) ?? new Map<string, number>();
    this.waiting.set(host.node, waiting);
    replica.onWritten(({ changes }) =>
      world.guard(() => {
        const now = world.clock.monotonic();
        for (const { key } of changes) {
          const pod = replica.get(key);
          const binding = pod?.object.kith?.binding;
          if (pod === undefined || binding?.by !== 'heir' || binding.node !== host.node || !key.startsWith('pods/')) continue;
          if (!waiting.has(pod.uid)) waiting.set(pod.uid, now);
        }
        // By a clock that jumped nobody knows how old a claim is.
        if (host.aheadMs === 0) this.look(host, replica, waiting, now);
      }),
    );
  }

  onContainer(host: SimHost, { what, podUid }: RuntimeEvent): void {
    if (what === 'start') this.waiting.get(host.node)?.set(podUid, -Infinity);
  }

  private look({ node }: SimHost, replica: SimDaemon['replica'], waiting: ReadonlyMap<string, number>, now: number): void {
    let count = 0;
    for (const { uid, object } of replica.list('pods')) {
      const isOpen =
        object.metadata.deletionTimestamp === undefined && object.kith?.outcome === undefined && object.kith?.binding?.node === node;
      if (isOpen && now - (waiting.get(uid) ?? -Infinity) < IN_FLIGHT_MS) count += 1;
    }
    if (count > MOST_IN_FLIGHT) throw new Violation(this.name, `${node} has claimed ${count} pods that it did not start yet`);
  }
}
