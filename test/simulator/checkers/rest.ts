import type { Deployment } from '../../../protocol/types.ts';
import { canonicalJson } from '../../../protocol/json.ts';
import { cpuMillis } from '../../../protocol/values/quantity.ts';
import { Violation } from '../checker.ts';
import type { Checker } from '../checker.ts';
import type { SimDaemon, SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';
import type { RuntimeEvent } from '../../support/simulated-runtime.ts';
import { cpuOf } from './containers.ts';

/** What converged stays so: nobody writes, starts or stops anything. */
export class FinallyStaysSo implements Checker {
  readonly name = 'finallyStaysSo';
  private rests = false;

  onRest(): void {
    this.rests = true;
  }

  onContainer(host: SimHost, { what, podUid }: RuntimeEvent): void {
    if (this.rests) throw new Violation(this.name, `${host.node}: ${what} of ${podUid} though all was as desired`);
  }

  onBoot(host: SimHost, { replica }: SimDaemon, world: SimWorld): void {
    replica.onWritten(({ changes, tombstones }) => {
      const keys = [...changes, ...tombstones].map(({ key }) => key).join(', ');
      world.guard(() => {
        if (this.rests) throw new Violation(this.name, `${host.node} still writes ${keys} though all was as desired`);
      });
    });
  }
}

/** No node has more bound to it than it has. */
export class FinallyNoNodeIsOverCommitted implements Checker {
  readonly name = 'finallyNoNodeIsOverCommitted';

  atRest(world: SimWorld): void {
    const replica = world.running()[0]?.daemon.replica;
    for (const { node, facts } of world.lasting()) {
      const bound = [...(replica?.list('pods') ?? [])].filter(
        ({ object }) => object.kith?.binding?.node === node && object.kith.outcome === undefined,
      );
      const asked = bound.reduce((sum, pod) => sum + cpuOf(pod), 0);
      const has = cpuMillis(String(facts.allocatable['cpu']));
      if (asked > has) throw new Violation(this.name, `${node} has ${has}m of CPU, and ${asked}m are bound to it`);
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
        const object = mutation.type === 'create' ? mutation.object : mutation.type === 'update' ? mutation.next : undefined;
        if (object !== undefined && mutation.key.startsWith('deployments')) this.note(mutation.key, object as Deployment);
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

  private note(key: string, deployment: Deployment): void {
    const values = this.written.get(key) ?? new Set<string>();
    this.written.set(key, values);
    for (const value of valuesOf(deployment)) values.add(value);
  }
}

function valuesOf({ spec }: Deployment): string[] {
  return [canonicalJson(['template', spec.template] as unknown), canonicalJson(['replicas', spec.replicas ?? 1])];
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
