import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  isSelected,
  planPolicyRules,
  renderPolicies,
  renderPolicyChanges,
  type PolicyObject,
  type PolicyPod,
  type PolicyRules,
} from '../../../daemon/core/network/policy-rules.ts';

const GOLDEN = new URL('../../golden/nft/', import.meta.url);
const golden = (name: string, text: string): void => {
  const file = new URL(`${name}.nft`, GOLDEN);
  if (process.env['KITH_WRITE_GOLDEN'] === '1') writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, 'utf8'));
};

const pod = (name: string, ip: string, more: Partial<PolicyPod> = {}): PolicyPod => ({
  namespace: 'default',
  name,
  labels: { app: name },
  ip,
  local: ip.startsWith('10.42.1.'),
  ports: [],
  ...more,
});
const policy = (name: string, spec: PolicyObject['spec'], namespace = 'default'): PolicyObject => ({ name, namespace, spec });
const namespaces = ['default', 'ops', 'other'].map((name) => ({ name, labels: { team: name } }));
const http = { name: 'http', protocol: 'TCP', port: 8080 };
const db = pod('db', '10.42.1.2', { ports: [http] });
const pods = [
  db,
  pod('web', '10.42.1.3'),
  pod('web', '10.42.2.3', { ports: [{ ...http, port: 9090 }] }),
  pod('monitor', '10.42.3.4', { namespace: 'ops' }),
  pod('web', '10.42.3.5', { namespace: 'other' }),
];
const plan = (policies: PolicyObject[], all = pods): PolicyRules | undefined =>
  planPolicyRules({ policies, pods: all, namespaces }, 'kith_test_policies');
const chain = (rules: PolicyRules | undefined, name: string): readonly string[] | undefined => rules?.chains.get(name);
const members = (rules: PolicyRules | undefined, line = ''): string[] => [
  ...(rules?.sets.get(/@(\S+)/.exec(line)?.[1] ?? '')?.elements.keys() ?? []),
];

const toDb = policy('to-db', {
  podSelector: { matchLabels: { app: 'db' } },
  policyTypes: ['Ingress', 'Egress'],
  ingress: [
    { from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ protocol: 'TCP', port: 'http' }] },
    { from: [{ namespaceSelector: { matchLabels: { team: 'ops' } } }] },
    {
      from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', '10.1.2.0/24', '10.3.0.0/16'] } }, { ipBlock: { cidr: 'fd00::/8' } }],
      ports: [
        { protocol: 'UDP' },
        { protocol: 'TCP', port: 80 },
        { protocol: 'TCP', port: 90, endPort: 95 },
        { protocol: 'TCP', port: 94 },
      ],
    },
  ],
  egress: [{ to: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] } }], ports: [{ protocol: 'TCP', port: 443 }] }],
});
const deny = policy('deny', { podSelector: {}, policyTypes: ['Ingress'] });

describe('rules of NetworkPolicies', () => {
  it('are these for these', () => golden('policies', renderPolicies(plan([toDb, deny])!)));

  it('are none where no policy selects a pod of this node', () => {
    expect(plan([])).toBeUndefined();
    expect(plan([policy('elsewhere', { podSelector: {} }, 'ops')])).toBeUndefined();
  });

  it('drop what no policy lets through, and join what several let through', () => {
    const rules = plan([toDb, deny])!;
    const verdict = rules.sets.get('ingress_pods')?.elements.get('10.42.1.2')?.replace('goto ', '') ?? '';
    expect(chain(rules, verdict)).toEqual(['jump ingress/default/deny', 'jump ingress/default/to-db', 'drop']);
    expect(chain(rules, 'ingress/default/deny')).toEqual([]);
    expect([...rules.sets.get('ingress_pods')!.elements.keys()]).toEqual(['10.42.1.2', '10.42.1.3']);
    expect([...rules.sets.get('egress_pods')!.elements.keys()]).toEqual(['10.42.1.2']);
  });

  it('let in by pods of the own namespace, of namespaces, or of both', () => {
    const from = (peer: object): string[] => {
      const rules = plan([policy('one', { podSelector: { matchLabels: { app: 'db' } }, ingress: [{ from: [peer] }] })]);
      return members(rules, chain(rules, 'ingress/default/one')?.[0]);
    };
    const web = { matchLabels: { app: 'web' } };
    expect(from({ podSelector: web })).toEqual(['10.42.1.3', '10.42.2.3']);
    expect(from({ namespaceSelector: { matchLabels: { team: 'ops' } } })).toEqual(['10.42.3.4']);
    expect(from({ namespaceSelector: {}, podSelector: web })).toEqual(['10.42.1.3', '10.42.2.3', '10.42.3.5']);
    expect(from({ namespaceSelector: { matchLabels: { team: 'other' } }, podSelector: { matchLabels: { app: 'db' } } })).toEqual([]);
    expect(from({ podSelector: {} })).toEqual(['10.42.1.2', '10.42.1.3', '10.42.2.3']);
  });

  it('let everything through where a rule names nobody and nothing', () => {
    expect(chain(plan([policy('open', { podSelector: {}, ingress: [{}] })]), 'ingress/default/open')).toEqual(['accept']);
  });

  it('look a named port up in each pod', () => {
    const rules = plan([toDb]);
    expect(members(rules, chain(rules, 'ingress/default/to-db')?.[0]?.replace(/@peers\S+/, ''))).toEqual([
      '10.42.1.2 . tcp . 8080',
      '10.42.2.3 . tcp . 9090',
    ]);
  });

  it('hold back what leaves where only that is spoken of', () => {
    const rules = plan([policy('out', { podSelector: {}, policyTypes: ['Egress'] })])!;
    expect([rules.sets.has('ingress_pods'), rules.sets.has('egress_pods')]).toEqual([false, true]);
  });

  it('change elements only when a pod comes or goes, and the whole table when a policy does', () => {
    const before = plan([toDb, deny])!;
    const more = plan([toDb, deny], [...pods.slice(1), pod('db', '10.42.1.9', { ports: [http] })])!;
    golden('policy-changes', renderPolicyChanges(before, more) ?? 'the whole table');
    expect(renderPolicyChanges(more, more)).toBe('');
    expect(renderPolicyChanges(before, plan([deny])!)).toBeUndefined();
  });

  it('tell which pods are selected', () => {
    expect(isSelected([toDb], db)).toBe(true);
    expect(isSelected([toDb], pods[1]!)).toBe(false);
    expect(isSelected([deny], pods[3]!)).toBe(false);
  });
});
