import type { LabHost } from '../lab/types.ts';

interface Seen {
  metadata: { name: string; uid: string };
  spec: { nodeName?: string };
  status?: { conditions?: { type: string; status: string }[] };
}

/** Watches the survivors' own word of a loss: when the first of them calls the victim dead, and when the last of its pods was claimed. Wall-clock ms. */
export class LossWitness {
  detectedAt: number | undefined;
  claimedAt: number | undefined;

  readonly #victim: LabHost;
  readonly #known = new Set<string>();
  readonly #stop = new AbortController();

  private constructor(victim: LabHost) {
    this.#victim = victim;
  }

  static async open(survivors: readonly LabHost[], victim: LabHost): Promise<LossWitness> {
    const witness = new LossWitness(victim);
    for (const host of survivors) await witness.#attach(host);
    return witness;
  }

  close(): void {
    this.#stop.abort();
  }

  async #attach(host: LabHost): Promise<void> {
    const nodes = await host.client.get<{ metadata: { resourceVersion: string } }>('/api/v1/nodes');
    const pods = await host.client.get<{ metadata: { resourceVersion: string }; items: Seen[] }>('/api/v1/pods');
    for (const { metadata } of pods.items) this.#known.add(metadata.uid);
    void this.#follow(host, '/api/v1/nodes', nodes.metadata.resourceVersion, (node) => this.#node(node));
    void this.#follow(host, '/api/v1/pods', pods.metadata.resourceVersion, (pod) => this.#pod(pod));
  }

  async #follow(host: LabHost, path: string, resourceVersion: string, look: (seen: Seen) => void): Promise<void> {
    const { signal } = this.#stop;
    try {
      for await (const { object } of host.client.watch({ path, query: { resourceVersion }, signal })) look(object as Seen);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #node(node: Seen): void {
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
    if (node.metadata.name === this.#victim.node && ready !== 'True') this.detectedAt ??= Date.now();
  }

  #pod(pod: Seen): void {
    if (this.#known.has(pod.metadata.uid) || pod.spec.nodeName === undefined) return;
    this.#known.add(pod.metadata.uid);
    this.claimedAt = Date.now();
  }
}
