import type { ImageBehaviour } from '../support/simulated-runtime.ts';
import type { CrashMoment } from './host.ts';
import type { WayFault } from './way.ts';

/** What a seed stands for, as plain data: what befalls whom, and when. A smaller scenario is made by leaving steps out. */
export interface Scenario {
  seed: number;
  /** What kind of bad day it is. */
  plot: string;
  peers: number;
  /** CPU of each node: with little, pods are turned away. */
  cpu: string;
  network: WayFault;
  /** Streams overtake each other, and gossip comes again now and then. Scenarios that were kept from before have it in order, as it was when they failed. */
  disorder?: boolean;
  /** Automerge itself, or what stands in for it and is faster. */
  documents: 'automerge' | 'light';
  /** Histories are cut as soon as that may be; otherwise as the product does, which no scenario is long enough for. */
  histories?: 'hasty';
  /** Graves that all members hold are forgotten within the scenario; otherwise as in the product, which none is long enough for. */
  graves?: 'hasty';
  /** How long things go wrong. */
  stormMs: number;
  /** Hosts whose daemons are of another release than the others, by number. */
  releases?: Record<number, Release>;
  /** Hosts have guards, and what must run at most once runs under leases. Without it such workloads start as any other. */
  leases?: boolean;
  steps: Step[];
}

export interface Step {
  /** Place in the drawn list: its name in `--without`. */
  id: number;
  /** Milliseconds after the cluster stands. */
  at: number;
  act: Act;
}

/** What an older or a newer daemon says: see `releases.ts`. */
export type Release = 'older' | 'newer';

/** Hosts are named by number, from 1. What can't be done when its time comes is left out. */
export type Act =
  | { do: 'way'; from: number; to: number; fault: WayFault; forMs: number }
  | { do: 'block'; ways: [from: number, to: number][]; how: string; forMs: number }
  | { do: 'crash'; host: number; moment: CrashMoment; downMs: number; disk: DiskLoss }
  | { do: 'powerCut'; host: number; downMs: number; disk: DiskLoss }
  | { do: 'restart'; host: number }
  /** Killed, then killed again and again so long after each start. */
  | { do: 'crashStarting'; host: number; afterMs: number[]; downMs: number }
  /** Restarted as the release that most are. */
  | { do: 'upgrade'; host: number }
  /** A host that runs is taken out of the cluster. */
  | { do: 'remove'; host: number; by: number }
  /** Gossip is lost everywhere, this share of it. */
  | { do: 'deaf'; loss: number; forMs: number }
  | { do: 'lose'; host: number; removeAfterMs: number; by: number }
  /** A person says that it is off, which is so. */
  | { do: 'confirmDead'; host: number; by: number }
  | { do: 'freeze'; host: number; what: 'host' | 'loop'; forMs: number }
  /** The whole host: daemon, guard and containers. Its clocks go on. */
  | { do: 'pause'; host: number; forMs: number }
  | { do: 'clockJump'; host: number; byMs: number }
  | { do: 'clockDrift'; host: number; rate: number }
  | { do: 'slowDisk'; host: number; byMs: number; forMs: number }
  | { do: 'fullDisk'; host: number; forMs: number }
  | { do: 'engineAway'; host: number; forMs: number }
  | { do: 'engineHangs'; host: number; call: string; forMs: number }
  /** Images are gone from it, and come slowly. */
  | { do: 'slowPulls'; host: number; byMs: number; forMs: number }
  | { do: 'containerEnds'; host: number; which: number; exitCode: number }
  | { do: 'containersWiped'; host: number }
  | { do: 'image'; image: string; behaviour: ImageBehaviour; forMs: number }
  /** `token`: the one that was given out last, instead of a new one of this life. The host is started with it so long after. */
  | { do: 'join'; by: number; token?: 'last'; ttlSeconds?: number; waitMs?: number }
  /** One that joined, and was removed since, asks again with the same token. */
  | { do: 'rejoin'; host: number }
  | { do: 'forge'; host: number; victim: number }
  /** An object comes to it that does not validate. */
  | { do: 'poison'; host: number }
  | { do: 'file'; host: number; file: string; text: string | null }
  | { do: 'request'; host: number; method: string; target: string; body?: object; what: string }
  | { do: 'deletePod'; host: number; which: number; graceSeconds?: number }
  /** Of all pods with this label `app`. */
  | { do: 'deletePods'; host: number; app: string; graceSeconds?: number }
  | { do: 'drain'; host: number; node: number; forMs: number };

/**
 * What a crash costs the disk. `tail`: the last second, unnoticed; `torn`: parts of the last second, in no order, which is noticed; `damaged`: some records, noticed;
 * `lost`: the whole store, and nothing of what is beside it: key, incarnation, peer book, votes. Who loses its key, too, is no member any more, and joins as another: `lose`
 * and `join`.
 */
export type DiskLoss = 'none' | 'tail' | 'torn' | 'damaged' | 'lost';

/** One line for the timeline. */
export function describeAct(act: Act): string {
  const { do: what, ...rest } = act;
  if (act.do === 'request') return `asks node-${act.host} to ${act.what}`;
  if (act.do === 'block') return `${act.how} for ${act.forMs} ms`;
  return `${what} ${Object.entries(rest)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : JSON.stringify(value)}`)
    .join(' ')}`;
}
