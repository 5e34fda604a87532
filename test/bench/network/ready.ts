import type { Pod } from '../../../protocol/types.ts';
import type { LabCluster } from '../../lab/cluster.ts';
import { waitFor } from '../../support/wait.ts';
import { isReady } from '../../support/workloads.ts';
import { percentile, rounded, type BenchArguments } from '../args.ts';
import { Children, serviceOf, sleepingPod } from './in-pods.ts';
import { NAME_WATCH } from './programs.ts';

const APP = 'ready';
const PORT = 8080;
const DEFAULT_PODS = 30;
const HOST_NAME_SERVER = '127.0.0.42:53';
const ASK_EVERY_MS = 4;
const PATIENCE_MS = 30_000;

export interface ReadyResult {
  readyToRulesP50Ms: number;
  readyToRulesP99Ms: number;
  readyToNamesP50Ms: number;
  readyToNamesP99Ms: number;
  /** From the start of the container by its engine's word. */
  startToRulesP50Ms: number;
  startToRulesP99Ms: number;
  pods: number;
}

/** By address of a pod: when it was ready as its own node's API tells, and when each node's rules and names knew it. ms since 1970. */
interface Times {
  startedAt: number;
  readyAt: number;
  rules: Map<string, number>;
  names: Map<string, number>;
}

const now = (): number => performance.timeOrigin + performance.now();

/** One pod after the other becomes ready: how long until the rules of each node lead to it (`nft monitor`), and its name server tells it. */
export async function benchReady(cluster: LabCluster, given: BenchArguments, say: (text: string) => void): Promise<ReadyResult> {
  const { hosts } = cluster.lab;
  const count = given.numbers.get('pods') ?? DEFAULT_PODS;
  const children = new Children();
  const stop = new AbortController();
  const times = new Map<string, Times>();
  const of = (ip: string): Times => {
    const known = times.get(ip) ?? { startedAt: NaN, readyAt: NaN, rules: new Map<string, number>(), names: new Map<string, number>() };
    times.set(ip, known);
    return known;
  };
  const first = (map: Map<string, number>, node: string, at: number): void => void (map.has(node) || map.set(node, at));
  const starts = new Map<string, number>();
  try {
    const headless = { ...serviceOf(APP, [{ port: PORT }], 'None'), metadata: { name: `${APP}-each` } };
    await cluster.apply(cluster.host(1), {
      apiVersion: 'v1',
      kind: 'List',
      items: [serviceOf(APP, [{ port: 80, targetPort: PORT }]), headless],
    });
    for (const host of hosts) {
      void host.engine.watch(({ action, uid, atMs }) => void (action === 'start' && starts.set(uid, atMs)), stop.signal);
      await children.follow(host.commandLine('nft', 'monitor'), (line) => {
        // That an address is an endpoint at all is known earlier; what counts is that connections are led there.
        if (/^(?:add|delete|flush) .* (?:endpoints|hairpin) \{/.test(line) || line.startsWith('delete')) return;
        for (const [, ip = ''] of line.matchAll(/(\d+(?:\.\d+){3})(?: \. |:)8080\b/g)) first(of(ip).rules, host.node, now());
      });
      const name = `${APP}-each.default.svc.cluster.local`;
      const words = host.commandLine(process.execPath, '-e', NAME_WATCH, HOST_NAME_SERVER, name, String(ASK_EVERY_MS));
      await children.follow(words, (line) => first(of(line.split(' ')[0]!).names, host.node, Number(line.split(' ')[1])));
      void watchReady(cluster, host.node, stop.signal, (pod) => {
        const known = of(pod.status!.podIP!);
        if (Number.isNaN(known.readyAt)) [known.readyAt, known.startedAt] = [now(), starts.get(pod.metadata.uid) ?? NaN];
      });
    }
    const samples: Times[] = [];
    for (let index = 0; index < count; index += 1) {
      const host = hosts[index % hosts.length]!;
      await cluster.apply(cluster.host(1), sleepingPod(`${APP}-${index}`, APP, host.node));
      const whole = await waitFor(
        `every node knows pod ${index}`,
        async () =>
          [...times.values()].find(
            (one) => !samples.includes(one) && one.rules.size === hosts.length && one.names.size === hosts.length && one.readyAt > 0,
          ),
        { timeoutMs: PATIENCE_MS, everyMs: 20 },
      );
      samples.push(whole);
      const last = (map: Map<string, number>): number => Math.round(Math.max(...map.values()) - whole.readyAt);
      say(
        `  ready ${index + 1}/${count} on ${host.node}: last rules after ${last(whole.rules)} ms, last name after ${last(whole.names)} ms, ${Math.round(whole.readyAt - whole.startedAt)} ms from start to ready`,
      );
    }
    const all = (map: 'rules' | 'names', from: 'readyAt' | 'startedAt'): number[] =>
      samples.flatMap((one) => [...one[map].values()].map((at) => Math.max(0, at - one[from])));
    const at = (values: number[], fraction: number): number => rounded(percentile(values, fraction), 0);
    const [rules, names, fromStart] = [all('rules', 'readyAt'), all('names', 'readyAt'), all('rules', 'startedAt')];
    return {
      readyToRulesP50Ms: at(rules, 0.5),
      readyToRulesP99Ms: at(rules, 0.99),
      readyToNamesP50Ms: at(names, 0.5),
      readyToNamesP99Ms: at(names, 0.99),
      startToRulesP50Ms: at(fromStart, 0.5),
      startToRulesP99Ms: at(fromStart, 0.99),
      pods: count,
    };
  } finally {
    stop.abort();
    children.end();
  }
}

/** Pods of the bench on this node that are ready, as its own API tells of them. */
async function watchReady(cluster: LabCluster, node: string, signal: AbortSignal, onReady: (pod: Pod) => void): Promise<void> {
  const { client } = cluster.lab.hosts.find((host) => host.node === node)!;
  const query = { labelSelector: `app=${APP}`, fieldSelector: `spec.nodeName=${node}` };
  for await (const { object } of client.watch({ path: '/api/v1/namespaces/default/pods', query, signal })) {
    const pod = object as Pod;
    if (isReady(pod) && pod.status?.podIP !== undefined) onReady(pod);
  }
}
