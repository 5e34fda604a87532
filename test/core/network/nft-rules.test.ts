import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  joinRules,
  renderChanges,
  renderTable,
  rulesOfService,
  type RuleFacts,
  type Rules,
} from '../../../daemon/core/network/nft-rules.ts';
import type { ResolvedPort, ResolvedService, ServiceEndpoint } from '../../../daemon/core/network/service-types.ts';

const GOLDEN = new URL('../../golden/nft/', import.meta.url);
const facts: RuleFacts = {
  table: 'kith_test',
  podRange: '10.42.0.0/16',
  podSubnet: '10.42.1.0/24',
  serviceRange: '10.96.0.0/12',
  bridgeFilters: true,
  movesFlows: true,
  reservedPorts: [22],
};

const endpoint = (ip: string, more: Partial<ServiceEndpoint> = {}): ServiceEndpoint => ({
  ip,
  port: 8080,
  node: 'node-2',
  local: ip.startsWith('10.42.1.'),
  ready: true,
  serving: true,
  terminating: false,
  lost: false,
  inCluster: true,
  inLocal: ip.startsWith('10.42.1.'),
  why: 'ready',
  ...more,
});
const port = (endpoints: ServiceEndpoint[], more: Partial<ResolvedPort> = {}): ResolvedPort => ({
  name: '',
  protocol: 'TCP',
  port: 80,
  endpoints,
  ...more,
});
const service = (name: string, clusterIP: string, ports: ResolvedPort[], more: Partial<ResolvedService> = {}): ResolvedService => ({
  key: `services/default/${name}`,
  uid: name,
  namespace: 'default',
  name,
  type: 'ClusterIP',
  clusterIP,
  headless: false,
  externalIPs: [],
  externalTrafficPolicy: 'Cluster',
  internalTrafficPolicy: 'Cluster',
  ports,
  ...more,
});
const rulesOf = (services: readonly ResolvedService[], of = facts): Rules =>
  joinRules(
    of,
    services.map((one) => rulesOfService(one, of)),
  );
const golden = (name: string, text: string): void => {
  const file = new URL(`${name}.nft`, GOLDEN);
  if (process.env['KITH_WRITE_GOLDEN'] === '1') writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, 'utf8'));
};

const near = endpoint('10.42.1.2');
const far = endpoint('10.42.2.3');
const web = service('web', '10.96.0.10', [port([near, far])]);
const dns = service('dns', '10.96.0.11', [port([far], { protocol: 'UDP', port: 53 }), port([far], { port: 53 })]);
const sticky = service('sticky', '10.96.0.12', [port([near, far])], { affinitySeconds: 600 });
const doors = service('doors', '10.96.0.13', [port([near, far], { nodePort: 30080 })], { type: 'NodePort', externalIPs: ['192.0.2.7'] });
const local = service('local', '10.96.0.14', [port([near, far], { nodePort: 30081 })], {
  type: 'NodePort',
  externalTrafficPolicy: 'Local',
});
const elsewhere = service('elsewhere', '10.96.0.15', [port([far], { nodePort: 30082 })], {
  type: 'NodePort',
  externalTrafficPolicy: 'Local',
  internalTrafficPolicy: 'Local',
});
const balancer = service('balancer', '10.96.0.16', [port([far], { port: 22, nodePort: 30083 })], { type: 'LoadBalancer' });
const empty = service('empty', '10.96.0.17', [port([endpoint('10.42.3.4', { ready: false, inCluster: false, lost: true })])]);
const headless = service('headless', '', [port([near])], { headless: true });
const all = [balancer, dns, doors, elsewhere, empty, headless, local, sticky, web];

describe('rules of Services', () => {
  it('are these for these', () => golden('services', renderTable(rulesOf(all))));

  it('translate back between two pods of one host where the kernel does not see what passes a bridge', () => {
    const [with_, without] = [renderTable(rulesOf([web])), renderTable(rulesOf([web], { ...facts, bridgeFilters: false }))];
    expect(with_).not.toContain('ct status dnat');
    expect(without).toContain('ip saddr 10.42.1.0/24 ip daddr 10.42.1.0/24 ct status dnat masquerade');
  });

  it('refuse what leads nowhere, and know no endpoint of a node that is lost', () => {
    const { elements, chains } = rulesOf([empty]);
    expect([elements.services.size, elements.endpoints.size, chains.size]).toEqual([0, 0, 0]);
    // One that is not ready keeps the connections that it has.
    const unready = service('unready', '10.96.0.18', [port([endpoint('10.42.3.4', { ready: false, inCluster: false })])]);
    expect([...rulesOf([unready]).elements.endpoints.keys()]).toEqual(['10.42.3.4 . tcp . 8080']);
    // Datagrams are no connection: they go to another one.
    const asked = service('asked', '10.96.0.19', [
      port([endpoint('10.42.3.4', { serving: false, inCluster: false })], { protocol: 'UDP' }),
    ]);
    expect(rulesOf([asked]).elements.endpoints.size).toBe(0);
  });

  it('give one address or port to one Service, the first by name', () => {
    const rival = service('zzz', '10.96.0.10', [port([far], { nodePort: 30080 })], { type: 'NodePort' });
    const { elements } = rulesOf([doors, web, rival]);
    expect(elements.services.get('10.96.0.10 . tcp . 80')).toBe('goto in/default/web/tcp/80');
    expect(elements.local_ports.get('tcp . 30080')).toBe('goto out/default/doors/tcp/80');
  });

  it('change only where something differs', () => {
    const more = endpoint('10.42.2.4');
    const after = rulesOf([dns, doors, service('web', '10.96.0.10', [port([near, more])]), service('new', '10.96.0.20', [port([more])])]);
    golden('changes', renderChanges(rulesOf([dns, doors, sticky, web]), after) ?? 'the whole table');
    expect(renderChanges(after, after)).toBe('');
    expect(renderChanges(after, rulesOf([web], { ...facts, podSubnet: '10.42.9.0/24' }))).toBeUndefined();
  });
});
