import { performance } from 'node:perf_hooks';
import { run } from '../../../daemon/adapters/system/run.ts';
import {
  joinRules,
  renderChanges,
  renderTable,
  rulesOfService,
  type RuleFacts,
  type Rules,
} from '../../../daemon/core/network/nft-rules.ts';
import type { ResolvedService, ServiceEndpoint } from '../../../daemon/core/network/service-types.ts';
import { formatAddress, parseAddress } from '../../../protocol/values/ipv4.ts';
import type { BenchArguments } from '../args.ts';

const DEFAULT_SERVICES = 1_000;
const ENDPOINTS_EACH = 5;
const ROUNDS = 5;
const NAMESPACE = 'kith-bench-network';
const FACTS: RuleFacts = {
  table: 'kith_bench',
  podRange: '10.42.0.0/16',
  podSubnet: '10.42.1.0/24',
  serviceRange: '10.96.0.0/12',
  bridgeFilters: true,
  movesFlows: true,
  reservedPorts: [],
};

/**
 * How long the rules of so many Services of five endpoints take, from what Services resolve to until the kernel has them: all of them, as when a daemon starts, and when one endpoint
 * of one Service is replaced. In a network namespace of its own: needs root. Medians.
 */
export async function benchRules(
  given: BenchArguments,
  say: (text: string) => void,
): Promise<{ services: number; endpoints: number; ruleset1000Ms: number; change1000Ms: number }> {
  const count = given.numbers.get('services') ?? DEFAULT_SERVICES;
  await told('ip', ['netns', 'add', NAMESPACE]);
  try {
    const whole: number[] = [];
    const changes: number[] = [];
    for (let round = 1; round <= ROUNDS; round += 1) {
      say(`network: ${count} Services, round ${round} of ${ROUNDS}`);
      const services = Array.from({ length: count }, (_, index) => service(index));
      let began = performance.now();
      const of = services.map((one) => rulesOfService(one, FACTS));
      const before = joinRules(FACTS, of);
      await apply(renderTable(before));
      whole.push(performance.now() - began);
      began = performance.now();
      const middle = Math.floor(count / 2);
      const after: Rules = joinRules(FACTS, of.with(middle, rulesOfService(service(middle, count), FACTS)));
      await apply(renderChanges(before, after) ?? '');
      changes.push(performance.now() - began);
    }
    return { services: count, endpoints: count * ENDPOINTS_EACH, ruleset1000Ms: median(whole), change1000Ms: median(changes) };
  } finally {
    await run('ip', ['netns', 'del', NAMESPACE]);
  }
}

function service(index: number, moved = 0): ResolvedService {
  const endpoints = Array.from({ length: ENDPOINTS_EACH }, (_, each) =>
    endpoint(index * ENDPOINTS_EACH + each + (each === 0 ? moved * ENDPOINTS_EACH : 0)),
  );
  return {
    key: `services/default/bench-${index}`,
    uid: `bench-${index}`,
    namespace: 'default',
    name: `bench-${index}`,
    type: 'ClusterIP',
    clusterIP: formatAddress(parseAddress('10.96.0.10')! + index),
    headless: false,
    externalIPs: [],
    externalTrafficPolicy: 'Cluster',
    internalTrafficPolicy: 'Cluster',
    ports: [{ name: '', protocol: 'TCP', port: 80, endpoints }],
  };
}

function endpoint(number: number): ServiceEndpoint {
  const states = { ready: true, serving: true, terminating: false, lost: false, inCluster: true, inLocal: false };
  return { ip: formatAddress(parseAddress('10.42.2.0')! + number), port: 8080, node: 'node-2', local: false, why: 'ready', ...states };
}

async function apply(script: string): Promise<void> {
  await told('ip', ['netns', 'exec', NAMESPACE, 'nft', '-f', '-'], script);
}

async function told(file: string, words: readonly string[], input = ''): Promise<void> {
  const { code, stderr } = await run(file, words, input);
  if (code !== 0) throw new Error(`${file} ${words.join(' ')}: ${stderr.slice(0, 500)}`);
}

function median(values: readonly number[]): number {
  return Math.round([...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0);
}
