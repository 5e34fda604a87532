import { parseTime } from '../../../protocol/values/time.ts';
import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';
import { hasProved } from './views.ts';

/** Others have another leader by then, and it has decided. */
const NAP_MS = 1_500;
/** Who finds nobody to compare with waits no longer. */
const WAITS_MS = 3_000;

interface Woken {
  at: number;
  /** By its own clock. */
  wall: number;
  /** Daemons that ran when it woke up. */
  known: ReadonlySet<SimDaemon>;
  /** Node of each pod, by uid, where all others have it bound to the same and the one that woke up does not. */
  bound: ReadonlyMap<string, string>;
}

/** Who stood still compares before it decides: it binds nothing that all others had bound before it went on. */
export class AnytimeTheWokenCompareFirst implements Checker {
  readonly name = 'anytimeTheWokenCompareFirst';
  private readonly woken = new WeakMap<SimDaemon, Woken>();

  onThaw(host: SimHost, stoodMs: number, world: SimWorld): void {
    const { daemon } = host;
    if (daemon === undefined || stoodMs < NAP_MS) return;
    const others = world.running().filter((other) => other !== host && hasProved(other) && !other.daemon.peer.view.removed);
    const known = new Set(world.running().map((other) => other.daemon));
    const [first, ...rest] = others.map((other) => places(other.daemon));
    const own = places(daemon);
    const agreed = [...(first ?? [])].filter(([uid, node]) => own.get(uid) !== node && rest.every((other) => other.get(uid) === node));
    this.woken.set(daemon, { at: world.clock.monotonic(), wall: daemon.clock.now(), known, bound: new Map(agreed) });
  }

  onBoot({ node }: SimHost, daemon: SimDaemon, world: SimWorld): void {
    const { replica } = daemon;
    replica.onWritten(({ changes }) =>
      world.guard(() => {
        const woken = this.woken.get(daemon);
        if (woken === undefined || world.clock.monotonic() - woken.at >= WAITS_MS) return;
        // It may have compared with one that started since, whose disk had lost something.
        if (world.running().some((other) => !woken.known.has(other.daemon))) return;
        for (const { key } of changes) {
          const pod = replica.get(key);
          const binding = pod?.object.kith?.binding;
          const before = pod === undefined ? undefined : woken.bound.get(pod.uid);
          if (binding === undefined || binding.by === 'user' || before === undefined || before === binding.node) continue;
          // Decided before it stood still, and on its way to the disk all the while. Times are of whole seconds.
          if ((parseTime(binding.at) ?? 0) < woken.wall - 1_000) continue;
          const late = world.clock.monotonic() - woken.at;
          throw new Violation(
            this.name,
            `${node} binds ${key} to ${binding.node} ${late} ms after it stood still, and all others had it on ${before} by then`,
          );
        }
      }),
    );
  }
}

function places({ replica }: SimDaemon): Map<string, string> {
  const nodes = new Map<string, string>();
  for (const { uid, object } of replica.list('pods')) if (object.kith?.binding !== undefined) nodes.set(uid, object.kith.binding.node);
  return nodes;
}
