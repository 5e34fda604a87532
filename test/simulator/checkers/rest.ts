import type { Replica } from '../../../daemon/ports/replica.ts';
import { ROLLOUT_FACT } from '../../../daemon/core/controllers/progress.ts';
import type { ObjectKey } from '../../../protocol/objects.ts';
import type { Deployment, Node } from '../../../protocol/types.ts';
import { canonicalJson } from '../../../protocol/json.ts';
import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';
import type { RuntimeEvent } from '../../support/simulated-runtime.ts';

/** Of a rollout that can not end, since its pods find no room: that it moved last, and that its time is over. */
const WORDS_OF_A_ROLLOUT = 2;

/** What converged stays so: nobody writes, starts or stops anything. */
export class FinallyStaysSo implements Checker {
  readonly name = 'finallyStaysSo';
  private rests = false;
  private readonly rollouts = new Map<ObjectKey, number>();

  onRest(): void {
    this.rests = true;
  }

  onContainer(host: SimHost, { what, podUid }: RuntimeEvent): void {
    if (this.rests && !host.isGone) throw new Violation(this.name, `${host.node}: ${what} of ${podUid} though all was as desired`);
  }

  onBoot(host: SimHost, { replica }: SimDaemon, world: SimWorld): void {
    replica.onWritten(({ changes, tombstones }) => {
      if (!this.rests || host.isGone) return;
      const keys = [...changes, ...tombstones].map(({ key }) => key).filter((key) => !this.isWordOfRollout(key, replica));
      world.guard(() => {
        if (keys.length > 0) throw new Violation(this.name, `${host.node} still writes ${keys.join(', ')} though all was as desired`);
      });
    });
  }

  private isWordOfRollout(key: ObjectKey, replica: Replica): boolean {
    const fact = replica.get(key)?.object.kith?.facts?.[ROLLOUT_FACT] as { outcome?: string } | undefined;
    const words = (this.rollouts.get(key) ?? 0) + 1;
    this.rollouts.set(key, words);
    return fact !== undefined && fact.outcome !== 'complete' && words <= WORDS_OF_A_ROLLOUT;
  }
}

/** Each node has a part of the pod range, and none is two nodes'. */
export class FinallySubnetsAreUnique implements Checker {
  readonly name = 'finallySubnetsAreUnique';

  atRest(world: SimWorld): void {
    for (const { node, daemon, isGone } of world.running()) {
      if (isGone) continue;
      const holders = new Map<string, string>();
      for (const { object } of daemon.replica.list('nodes')) {
        const { metadata, spec } = object as Node;
        const subnet = spec.podCIDR ?? '';
        const rival = holders.get(subnet);
        if (subnet === '') throw new Violation(this.name, `${node} knows no subnet of ${metadata.name}`);
        if (rival !== undefined) throw new Violation(this.name, `${node} has ${subnet} as ${rival}'s and ${metadata.name}'s`);
        holders.set(subnet, metadata.name);
      }
    }
  }
}

/** No merge makes what nobody wrote: pod templates and sizes are those of one writer. */
export class FinallyOnlyWhatWasWritten implements Checker {
  readonly name = 'finallyOnlyWhatWasWritten';
  private readonly written = new Map<string, Set<string>>();

  onBoot(_host: SimHost, { replica }: SimDaemon): void {
    const write = replica.write.bind(replica);
    replica.write = (mutations) => {
      for (const mutation of mutations) {
        if (mutation.type === 'bury' || !mutation.key.startsWith('deployments')) continue;
        const before = mutation.type === 'update' ? valuesOf(mutation.base as Deployment) : [];
        const after = valuesOf((mutation.type === 'create' ? mutation.object : mutation.next) as Deployment);
        // What its author found and left is not its writing.
        this.note(
          mutation.key,
          after.filter((value) => !before.includes(value)),
        );
      }
      return write(mutations);
    };
  }

  atRest(world: SimWorld): void {
    for (const { node, daemon } of world.running()) {
      for (const { key, object } of daemon.replica.list('deployments.apps')) {
        for (const value of valuesOf(object as Deployment)) {
          if (this.written.get(key)?.has(value) === true) continue;
          throw new Violation(this.name, `${key} at ${node} has ${value.slice(0, 200)}, which nobody wrote`);
        }
      }
    }
  }

  private note(key: string, made: readonly string[]): void {
    const values = this.written.get(key) ?? new Set<string>();
    this.written.set(key, values);
    for (const value of made) values.add(value);
  }
}

function valuesOf({ spec }: Deployment): string[] {
  return [canonicalJson(['template', spec.template] as unknown), canonicalJson(['replicas', spec.replicas ?? 1])];
}

/** Reports of pods that are gone, and that came after their end. */
const LATE_REPORTS = 10;

/** What is kept in memory of things is kept as long as they are there, and no longer. */
export class FinallyTablesAreBounded implements Checker {
  readonly name = 'finallyTablesAreBounded';

  atRest(world: SimWorld): void {
    for (const { node, isGone, daemon } of world.running()) {
      if (isGone) continue;
      const { replica, peer } = daemon;
      const pods = [...replica.list('pods')].length;
      const tables = peer.view as unknown as { podReports: { ofPods: { size: number } }; nodeReports: ReadonlyMap<string, unknown> };
      const reports = tables.podReports.ofPods.size;
      if (reports > pods + LATE_REPORTS) throw new Violation(this.name, `${node} keeps ${reports} reports of ${pods} pods`);
      const members = peer.view.members().length;
      const nodes = tables.nodeReports.size;
      if (nodes > members + LATE_REPORTS)
        throw new Violation(this.name, `${node} keeps reports of ${nodes} nodes, and there are ${members}`);
      const graves = [...replica['index'].entries()].filter(({ grave }) => grave !== undefined).length;
      const holders = replica['ledger']['holders'].size;
      if (holders > graves + LATE_REPORTS) throw new Violation(this.name, `${node} remembers who holds ${holders} graves, of ${graves}`);
    }
  }
}

/** Messages a peer may send in a second of rest: beats to eight observers four times a second, two comparisons in three seconds, and room for as many again. */
const MESSAGES_AT_REST = 80;
const BYTES_AT_REST = 40_000;

/** Where nothing happens little is said. */
export class FinallyTheNetworkIsQuiet implements Checker {
  readonly name = 'finallyTheNetworkIsQuiet';
  private before = { at: 0, traffic: new Map<string, { messages: number; bytes: number }>() };

  onRest(world: SimWorld): void {
    this.before = { at: world.clock.monotonic(), traffic: totals(world) };
  }

  atRest(world: SimWorld): void {
    const seconds = (world.clock.monotonic() - this.before.at) / 1000;
    for (const [peer, now] of totals(world)) {
      const before = this.before.traffic.get(peer) ?? { messages: 0, bytes: 0 };
      const [messages, bytes] = [(now.messages - before.messages) / seconds, (now.bytes - before.bytes) / seconds];
      if (messages > MESSAGES_AT_REST) throw new Violation(this.name, `${peer} sends ${messages.toFixed(0)} messages a second at rest`);
      if (bytes > BYTES_AT_REST) throw new Violation(this.name, `${peer} sends ${bytes.toFixed(0)} bytes a second at rest`);
    }
  }
}

function totals({ network }: SimWorld): Map<string, { messages: number; bytes: number }> {
  const found = new Map<string, { messages: number; bytes: number }>();
  for (const [peer, kinds] of network.traffic) {
    const sum = { messages: 0, bytes: 0 };
    for (const { messages, bytes } of kinds.values()) {
      sum.messages += messages;
      sum.bytes += bytes;
    }
    found.set(peer, sum);
  }
  return found;
}
