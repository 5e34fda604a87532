import { describe, expect, it } from 'vitest';
import { netText } from '../../cli/commands/net.ts';
import { netAnswer } from '../../daemon/peer/network/net-answer.ts';
import { PodPolicies } from '../../daemon/peer/network/pod-policies.ts';
import { ServiceLoop } from '../../daemon/peer/network/service-loop.ts';
import type { PacketFilter } from '../../daemon/ports/packet-filter.ts';
import type { RuntimePod } from '../../daemon/ports/runtime.ts';
import type { StoredObject } from '../../protocol/objects.ts';
import { objectKey } from '../../protocol/objects.ts';
import { formatTime } from '../../protocol/values/time.ts';
import { container, EPOCH_MS, podKey, podObject, worldOf, type ClusterWorld } from '../support/cluster-view.ts';
import { addServingPod } from '../support/service-world.ts';
import { silentLog } from '../support/silent-log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

class FakeFilter implements PacketFilter {
  readonly scripts: string[] = [];
  refuses = false;
  table: string | undefined;

  async apply(script: string): Promise<void> {
    if (this.refuses) throw new Error('the kernel says no');
    this.scripts.push(script);
    if (script.startsWith('add table')) this.table = script.includes('{') ? script : undefined;
  }

  async tables(): Promise<string[]> {
    return this.table === undefined ? [] : ['t'];
  }

  async chain(): Promise<string | undefined> {
    return this.table;
  }

  async elements(): Promise<Map<string, string[]>> {
    return new Map<string, string[]>();
  }

  async read(): Promise<string | undefined> {
    return this.table;
  }

  async rehearse(script: string): Promise<string> {
    return script.replaceAll(/^  (?=\S)/gm, '\t');
  }
}

const policyKey = objectKey('networkpolicies.networking.k8s.io', 'default', 'shut');
const policy: StoredObject = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'shut', namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS) },
  spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'] },
};

interface Made {
  world: ClusterWorld;
  filter: FakeFilter;
  policies: PodPolicies;
  clock: VirtualClock;
  pods: RuntimePod[];
  bridge: { filters: boolean };
  /** Lets changes of these come through. */
  settle(...keys: string[]): Promise<void>;
  add(name: string, app?: string): string;
}

function made(): Made {
  const world = worldOf(2);
  const filter = new FakeFilter();
  const clock = new VirtualClock();
  const pods: RuntimePod[] = [];
  const runtime = { list: async () => pods };
  const bridge = { filters: true };
  const bridgeFilters = (): boolean => bridge.filters;
  const policies = new PodPolicies({ view: world.state, filter, runtime, bridgeFilters, clock, log: silentLog }, { table: 't' });
  return {
    world,
    filter,
    policies,
    clock,
    pods,
    bridge,
    settle: async (...keys) => {
      policies.touch(keys);
      await clock.pass(10);
    },
    add: (name, app = 'web') => {
      const metadata = { labels: { app }, name, namespace: 'default', uid: '', creationTimestamp: formatTime(EPOCH_MS) };
      world.create(podObject(name, { containers: [container()] }, { metadata }));
      world.bind(podKey(name), 'node-1');
      return world.state.get(podKey(name))!.uid;
    },
  };
}

describe('NetworkPolicies of this node', () => {
  it('are in the kernel before a pod that they select starts', async () => {
    const { world, filter, policies, add } = made();
    world.create(policy);
    await policies.admit(add('web-1'), '10.42.1.2');
    expect(filter.table).toMatch(/ingress_pods .*10\.42\.1\.2 : goto/);
    await policies.admit(add('web-2'), '10.42.1.3');
    expect(filter.scripts.at(-1)).toMatch(/add element ip t ingress_pods \{ 10\.42\.1\.3 : goto/);
    const before = filter.scripts.length;
    await policies.admit(add('free', 'free'), '10.42.1.4');
    expect(filter.scripts).toHaveLength(before);
    expect(policies.state).toEqual({ selected: 2, trouble: '', gap: '' });
  });

  it('keep a pod from starting that they can not hold back, and let it start once they can', async () => {
    const { world, filter, policies, add } = made();
    world.create(policy);
    filter.refuses = true;
    const uid = add('web-1');
    await expect(policies.admit(uid, '10.42.1.2')).rejects.toThrow(/not in force .*the kernel says no/);
    world.state.setComplete(false);
    filter.refuses = false;
    await expect(policies.admit(uid, '10.42.1.2')).rejects.toThrow(/not in force/);
    world.state.setComplete(true);
    await policies.admit(uid, '10.42.1.2');
    expect(policies.state.trouble).toBe('');
  });

  it('have no table without policies, and cost nothing when pods change', async () => {
    const { world, filter, settle, add } = made();
    await settle(policyKey);
    expect(filter.scripts).toEqual([]);
    world.create(policy);
    addServingPod(world, 'web-1', { node: 'node-1', ip: '10.42.1.2' });
    await settle(policyKey);
    expect(filter.table).toContain('10.42.1.2');
    // Its status changes, but nothing that policies look at.
    world.reportPod(podKey('web-1'), { phase: 'Running', podIP: '10.42.1.2' });
    const { length } = filter.scripts;
    add('pending');
    await settle(podKey('web-1'), podKey('pending'));
    expect(filter.scripts).toHaveLength(length);
    world.bury(policyKey);
    await settle(policyKey);
    expect(filter.table).toBeUndefined();
  });

  it('hold a deleted pod for as long as anything of it runs', async () => {
    const { world, filter, policies, pods, settle, add } = made();
    world.create(policy);
    const uid = add('web-1');
    await policies.admit(uid, '10.42.1.2');
    pods.push({ uid, namespace: 'default', name: 'web-1', sandbox: { ip: '10.42.1.2', running: true }, containers: [] });
    world.bury(podKey('web-1'));
    await settle(podKey('web-1'));
    await policies.check();
    expect(filter.table).toContain('10.42.1.2');
    pods.pop();
    await policies.check();
    expect(filter.table).toBeUndefined();
  });

  it('are put back when somebody flushed them', async () => {
    const { world, filter, policies, add } = made();
    world.create(policy);
    await policies.admit(add('web-1'), '10.42.1.2');
    filter.table = undefined;
    await policies.check();
    expect(filter.table).toContain('10.42.1.2');
  });

  it('leave what an earlier run made while addresses of other nodes are still to be heard of', async () => {
    const { world, filter, policies, clock, pods, add, settle } = made();
    world.create(policy);
    const uid = add('web-1');
    pods.push({ uid, namespace: 'default', name: 'web-1', sandbox: { ip: '10.42.1.2', running: true }, containers: [] });
    add('far');
    world.bind(podKey('far'), 'node-2');
    filter.table = 'of an earlier run';
    await settle(policyKey);
    expect(filter.table).toBe('of an earlier run');
    await clock.pass(11_000);
    await policies.check();
    expect(filter.table).toContain('10.42.1.2');
  });

  it('say what they can not hold back where the kernel does not see what passes a bridge', async () => {
    const { world, policies, add, bridge, settle } = made();
    bridge.filters = false;
    expect(policies.state.gap).toBe('');
    world.create(policy);
    await policies.admit(add('web-1'), '10.42.1.2');
    expect(policies.state.gap).toMatch(/between two pods of this node is not held back.*modprobe br_netfilter/);
    const loop = new ServiceLoop({ view: world.state, sinks: [], clock: new VirtualClock(), log: silentLog });
    expect(netText(netAnswer(world.state, loop, policies))).toMatch(
      /Policies by: +nftables, 1 pods of node-1 selected; what passes between two pods/,
    );
    world.bury(policyKey);
    await settle(policyKey);
    expect(policies.state.gap).toBe('');
  });
});
