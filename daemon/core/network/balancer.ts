import type { ServiceEndpoint } from './service-types.ts';

/** Clients that one port remembers the endpoints of: the oldest are forgotten first. */
const MAX_KEPT = 10_000;

export interface Choice {
  /** Address of who connects. */
  client: string;
  /** Seconds that a client stays with its endpoint. */
  affinitySeconds?: number;
  /** Monotonic ms. */
  now: number;
  /** Endpoints that were tried in vain, by {@link endpointId}. */
  tried: ReadonlySet<string>;
}

/** Who takes the next connection to one port of a service: each in its turn; with session affinity the one that the client had before, while it is in rotation. */
export class Balancer {
  private turn = 0;
  private readonly kept = new Map<string, { id: string; until: number }>();

  pick(targets: readonly ServiceEndpoint[], choice: Choice): ServiceEndpoint | undefined {
    const open = choice.tried.size === 0 ? targets : targets.filter((target) => !choice.tried.has(endpointId(target)));
    if (open.length === 0) return undefined;
    const { affinitySeconds, client, now } = choice;
    const before = affinitySeconds === undefined ? undefined : this.kept.get(client);
    const same = before === undefined || before.until <= now ? undefined : open.find((target) => endpointId(target) === before.id);
    const chosen = same ?? open[this.turn++ % open.length];
    if (chosen !== undefined && affinitySeconds !== undefined) this.keep(client, endpointId(chosen), now + affinitySeconds * 1000);
    return chosen;
  }

  private keep(client: string, id: string, until: number): void {
    this.kept.delete(client);
    const [oldest] = this.kept.keys();
    if (this.kept.size >= MAX_KEPT && oldest !== undefined) this.kept.delete(oldest);
    this.kept.set(client, { id, until });
  }
}

/** The same address with another pod behind it is another endpoint. */
export function endpointId({ ip, port, uid }: Pick<ServiceEndpoint, 'ip' | 'port' | 'uid'>): string {
  return `${ip}:${port}/${uid ?? ''}`;
}
