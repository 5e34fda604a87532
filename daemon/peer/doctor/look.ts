/** Looks at this host: gathers what core/doctor/ judges. Changes nothing. */
import type { ClusterView } from '../../core/cluster/view.ts';
import type { HostFacts, KernelFacts, NameAnswered } from '../../core/doctor/host-findings.ts';
import { API_SERVICE } from '../../core/network/api-service.ts';
import { podSubnetOf } from '../../core/network/pod-subnets.ts';
import { NETWORK_POLICIES } from '../../core/network/policy-facts.ts';
import { clusterDomain } from '../../core/network/service-range.ts';
import { unknownPods } from '../../core/reconcile/judge.ts';
import type { NodeFacts } from '../../core/reconcile/node-status.ts';
import type { Electorate } from '../../../protocol/leases.ts';
import { parseObjectKey } from '../../../protocol/objects.ts';
import { sleep } from '../../ports/clock.ts';
import type { HostChecks } from '../../ports/host-checks.ts';
import type { HostNetwork } from '../../ports/host-network.ts';
import type { NameServer } from '../../ports/names.ts';
import type { Replica } from '../../ports/replica.ts';
import type { ContainerRuntime, RuntimePod } from '../../ports/runtime.ts';
import { linkSignals } from '../linked-signal.ts';
import type { Kernel } from '../network/kernel.ts';
import type { ServiceLoop } from '../network/service-loop.ts';
import { DOCTOR_LIMITS } from './limits.ts';
import { reachPeers, type ReachDeps } from './reach.ts';

export interface LookDeps extends ReachDeps {
  view: ClusterView;
  replica: Pick<Replica, 'quarantined'>;
  runtime: Pick<ContainerRuntime, 'list'>;
  services: ServiceLoop;
  electorate: () => Electorate | undefined;
  kernel?: Kernel;
  hostNetwork?: HostNetwork;
  nameServer?: NameServer;
  hostChecks?: HostChecks;
}

export async function lookAtHost(deps: LookDeps, network: NodeFacts['network'], signal: AbortSignal): Promise<HostFacts> {
  const { view, replica, hostChecks } = deps;
  const others = view.members().filter(({ spec }) => spec.nodeName !== view.self.node);
  const [peers, engine, disk, kernel, names, services] = await Promise.all([
    reachPeers(deps, others, signal),
    askEngine(deps, signal),
    hostChecks?.disk().catch(() => undefined),
    kernelFacts(deps, signal),
    askNames(deps),
    servicesOf(deps, signal),
  ]);
  const electors = electorsOf(deps);
  return {
    node: view.self.node,
    complete: view.complete,
    removed: view.removed,
    quarantined: replica.quarantined().length,
    unknownPods: unknownPods(view, engine.pods).map(({ namespace, name, uid }) => ({ pod: `${namespace}/${name}`, uid })),
    peers,
    ...(electors === undefined ? {} : { electors }),
    ...(engine.trouble === undefined ? {} : { engineTrouble: engine.trouble }),
    ...(disk === undefined ? {} : { disk }),
    ...(network === undefined ? {} : { network }),
    doubleSubnets: doubleSubnets(view),
    ...(kernel === undefined ? {} : { kernel }),
    services,
    names,
  };
}

async function askEngine({ runtime, clock }: LookDeps, signal: AbortSignal): Promise<{ pods: readonly RuntimePod[]; trouble?: string }> {
  const late = new AbortController();
  const cancel = clock.after(DOCTOR_LIMITS.engineMs, () => late.abort(new Error(`no answer within ${DOCTOR_LIMITS.engineMs} ms`)));
  const both = linkSignals(signal, late.signal);
  try {
    return { pods: await runtime.list(both.signal) };
  } catch (error) {
    return { pods: [], trouble: messageOf(late.signal.aborted ? late.signal.reason : error) };
  } finally {
    cancel();
    both.release();
  }
}

async function kernelFacts({ kernel, view }: LookDeps, signal: AbortSignal): Promise<KernelFacts | undefined> {
  if (kernel === undefined) return undefined;
  const failed = (error: unknown): string[] => [messageOf(error)];
  const [inspected, services, policies] = await Promise.all([
    kernel.ways
      .inspect(signal)
      .catch((error: unknown) => ({ ways: failed(error), problems: [], passage: { forwards: true, missing: [] } })),
    kernel.services.differences(signal).catch(failed),
    kernel.policies.differences(signal).catch(failed),
  ]);
  return {
    ...inspected,
    rules: [...services, ...policies],
    ...(kernel.ways.mtu === undefined ? {} : { mtu: kernel.ways.mtu }),
    policies: view.list(NETWORK_POLICIES).length,
  };
}

/** Each address is asked for the name of the API: that is always there. */
async function askNames({ view, services, nameServer, hostNetwork, hostChecks }: LookDeps): Promise<NameAnswered[]> {
  const { namespace, name } = parseObjectKey(API_SERVICE);
  const expected = services.table.get(API_SERVICE)?.clusterIP ?? '';
  if (nameServer === undefined || hostChecks === undefined || expected === '') return [];
  const own = new Set(hostNetwork?.addresses() ?? []);
  // The bridge of pods comes with the first of them.
  const here = nameServer.addresses().filter(({ host }) => host.startsWith('127.') || own.has(host));
  const asked = `${name}.${namespace}.svc.${clusterDomain(view)}`;
  return Promise.all(
    here.map(async (server) => {
      const answered = { server: `${server.host}:${server.port}`, name: asked, expected };
      try {
        return { ...answered, said: await hostChecks.askName(server, asked, DOCTOR_LIMITS.nameMs) };
      } catch (error) {
        return { ...answered, said: [], trouble: messageOf(error) };
      }
    }),
  );
}

async function servicesOf({ services, clock, view, hostNetwork }: LookDeps, signal: AbortSignal): Promise<HostFacts['services']> {
  const until = clock.monotonic() + DOCTOR_LIMITS.settleMs;
  while (!services.settled && clock.monotonic() < until && !signal.aborted) await sleep(clock, DOCTOR_LIMITS.pollMs, signal);
  const troubles = [...services.troubles()].flatMap(([key, words]) =>
    words.map((trouble) => ({ service: key.split('/').slice(1).join('/'), trouble })),
  );
  const own = new Set(hostNetwork?.addresses() ?? []);
  const sharesMachine = view
    .members()
    .some(({ spec }) => spec.nodeName !== view.self.node && spec.beatAddresses.some((address) => own.has(address.replace(/:\d+$/, ''))));
  return { by: services.sinkNames, settled: services.settled, troubles, sharesMachine };
}

function electorsOf({ view, electorate }: LookDeps): HostFacts['electors'] {
  const known = electorate();
  if (known === undefined) return undefined;
  const members = new Map(view.members().map((member) => [member.spec.peerId, member]));
  return known.members.map((peer) => {
    const member = members.get(peer);
    return { name: member?.spec.nodeName ?? peer, alive: member !== undefined && member.state !== 'dead' };
  });
}

function doubleSubnets(view: ClusterView): HostFacts['doubleSubnets'] {
  const nodes = new Map<string, string[]>();
  for (const { spec } of view.members()) {
    const subnet = podSubnetOf(view, spec.nodeName)?.text;
    if (subnet !== undefined) nodes.set(subnet, [...(nodes.get(subnet) ?? []), spec.nodeName].sort());
  }
  return [...nodes].filter(([, names]) => names.length > 1).map(([subnet, names]) => ({ subnet, nodes: names }));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
