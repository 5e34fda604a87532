import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../protocol/json.ts';
import { decodeObject } from '../../../../protocol/kinds/admission.ts';
import type { StoredObject } from '../../../../protocol/objects.ts';
import { admit } from '../objects.ts';
import { LABEL, LABEL_1035, manifest, PORT, QUALIFIED, SUBDOMAIN, wrong, wrongUpdate } from './refusals.ts';

const ports = [{ port: 80 }];

function service(spec: JsonObject): JsonObject {
  return manifest('v1 Service', { spec: { ports, ...spec } });
}

function ingress(spec: JsonObject): JsonObject {
  return manifest('networking.k8s.io/v1 Ingress', { spec });
}

function policy(spec: JsonObject): JsonObject {
  return manifest('networking.k8s.io/v1 NetworkPolicy', { spec });
}

const NO_CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

describe('a Service', () => {
  it.each<[string, JsonObject, string[]]>([
    ['no ports', { ports: null }, ['spec.ports: Required value']],
    [
      'a type',
      { type: 'Magic' },
      ['spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'],
    ],
    [
      'ports',
      { ports: [{ name: 'A', port: 0, protocol: 'tcp', targetPort: 'x--y' }, { port: 81 }] },
      [
        `spec.ports[0].name: Invalid value: "A": ${LABEL}`,
        `spec.ports[0].port: Invalid value: 0: ${PORT}`,
        'spec.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
        'spec.ports[0].targetPort: Invalid value: "x--y": must not contain consecutive hyphens',
        'spec.ports[1].name: Required value',
      ],
    ],
    [
      'a port that is there twice',
      {
        ports: [
          { name: 'a', port: 80 },
          { name: 'a', port: 80 },
        ],
      },
      [
        'spec.ports[1].name: Duplicate value: "a"',
        'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
      ],
    ],
    [
      'a port of nodes',
      { ports: [{ port: 80, nodePort: 30000 }] },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    ['a selector', { selector: { 'a b': 'x' } }, [`spec.selector: Invalid value: "a b": name part ${QUALIFIED}`]],
    [
      'an affinity',
      { sessionAffinity: 'Always' },
      ['spec.sessionAffinity: Unsupported value: "Always": supported values: "ClientIP", "None"'],
    ],
    [
      'for how long',
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86401 } } },
      ['spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400'],
    ],
    [
      'an affinity that is none',
      { sessionAffinityConfig: {} },
      ['spec.sessionAffinityConfig: Forbidden: must not be set when session affinity is None'],
    ],
    [
      'addresses',
      { clusterIP: 'x', clusterIPs: ['y'] },
      [
        'spec.clusterIPs[0]: Invalid value: "y": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        'spec.clusterIPs: Invalid value: ["y"]: first value must match `clusterIP`',
      ],
    ],
    [
      'an address of another family',
      { clusterIP: 'fd00::1', ipFamilies: ['IPv4'] },
      ['spec.clusterIPs[0]: Invalid value: "fd00::1": expected an IPv4 value as indicated by `ipFamilies[0]`'],
    ],
    [
      'a headless one with ports of nodes',
      { type: 'NodePort', clusterIP: 'None' },
      ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services'],
    ],
    ['no name to stand for', { type: 'ExternalName' }, ['spec.externalName: Required value']],
    [
      'a name and an address',
      { type: 'ExternalName', externalName: 'A_', clusterIP: '10.0.0.1' },
      [`spec.externalName: Invalid value: "A_": ${SUBDOMAIN}`, 'spec.clusterIPs: Forbidden: may not be set for ExternalName services'],
    ],
    [
      'what a balancer has',
      { loadBalancerSourceRanges: ['x'], allocateLoadBalancerNodePorts: true, loadBalancerClass: 'a', externalTrafficPolicy: 'Local' },
      [
        "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
        `spec.LoadBalancerSourceRanges[0]: Invalid value: "x": ${NO_CIDR}`,
        "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
        "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
        'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
      ],
    ],
    [
      'policies of traffic',
      { internalTrafficPolicy: 'Near', trafficDistribution: 'Near' },
      [
        'spec.internalTrafficPolicy: Unsupported value: "Near": supported values: "Cluster", "Local"',
        'spec.trafficDistribution: Unsupported value: "Near": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"',
      ],
    ],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(service(spec))).toEqual(causes);
  });

  it('of a new name that begins with a digit is refused', () => {
    const { kind, object } = admit({ ...service({}), metadata: { name: '1a' } });
    expect(kind.validateCreate?.(object)).toEqual([
      { field: 'metadata.name', reason: 'FieldValueInvalid', message: `Invalid value: "1a": ${LABEL_1035}` },
    ]);
    expect(wrong({ ...service({}), metadata: { name: 'A' } })).toEqual([`metadata.name: Invalid value: "A": ${LABEL_1035}`]);
  });

  it('keeps its address', () => {
    expect(wrongUpdate(service({ clusterIP: '10.0.0.1' }), service({ clusterIP: '10.0.0.2' }))).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set',
    ]);
    const balanced = { type: 'LoadBalancer', loadBalancerClass: 'a/b' };
    expect(wrongUpdate(service(balanced), service({ ...balanced, loadBalancerClass: 'a/c' }))).toEqual([
      'spec.loadBalancerClass: Invalid value: "a/c": may not change once set',
    ]);
  });

  it.each([
    ['NodePort', 'ClusterIP'],
    ['LoadBalancer', 'ClusterIP'],
    ['NodePort', 'ExternalName'],
  ])('of type %s may become %s: what only the old one has goes with it', (from, to) => {
    const given = { type: from, clusterIP: '10.0.0.1', ports: [{ port: 80, nodePort: 30080 }] };
    const before = admit(service(given)).object as StoredObject;
    const spec = { ...(before.spec as JsonObject), type: to, ...(to === 'ExternalName' ? { externalName: 'a.b' } : {}) };
    const result = decodeObject({ ...before, spec }, { fieldValidation: 'Strict', before });
    expect(result).toMatchObject({ ok: true, object: { spec: { type: to, ports: [{ port: 80 }] } } });
    expect(JSON.stringify(result)).not.toContain('30080');
    // Who asks for it in so many words is refused.
    expect(wrong(service({ type: 'ClusterIP', ports: [{ port: 80, nodePort: 30080 }] }))).toHaveLength(1);
  });
});

describe('an Ingress', () => {
  const backend = { service: { name: 's', port: { number: 80 } } };
  const at = 'spec.rules[0].http.paths[0]';
  const path = (fields: JsonObject): JsonObject => ({
    rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend, ...fields }] } }],
  });
  it.each<[string, JsonObject, string[]]>([
    ['nothing', {}, ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified']],
    [
      'hosts',
      { defaultBackend: backend, rules: [{ host: '1.2.3.4' }, { host: 'a.*' }], tls: [{ hosts: ['A'], secretName: 'B' }] },
      [
        'spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
        expect.stringMatching(
          /^spec\.rules\[1\]\.host: Invalid value: "a\.\*": a wildcard DNS-1123 subdomain must start with '\*\.'/,
        ) as string,
        `spec.tls[0].hosts[0]: Invalid value: "A": ${SUBDOMAIN}`,
        `spec.tls[0].secretName: Invalid value: "B": ${SUBDOMAIN}`,
      ],
    ],
    ['no paths', { rules: [{ http: {} }] }, ['spec.rules[0].http.paths: Required value']],
    ['a path of no type', path({ pathType: null }), [`${at}.pathType: Required value: pathType must be specified`]],
    [
      'a type',
      path({ pathType: 'Like' }),
      [`${at}.pathType: Unsupported value: "Like": supported values: "Exact", "ImplementationSpecific", "Prefix"`],
    ],
    [
      'a path',
      path({ path: 'a//b/..' }),
      [
        `${at}.path: Invalid value: "a//b/..": must be an absolute path`,
        `${at}.path: Invalid value: "a//b/..": must not contain '//'`,
        `${at}.path: Invalid value: "a//b/..": cannot end with '/..'`,
      ],
    ],
    ['no backend', path({ backend: null }), [`${at}.backend: Invalid value: "": resource or service backend is required`]],
    [
      'a backend without a port',
      path({ backend: { service: { name: '1s' } } }),
      [`${at}.backend.service.name: Invalid value: "1s": ${LABEL_1035}`, `${at}.backend: Required value: port name or number is required`],
    ],
    ['a class', { defaultBackend: backend, ingressClassName: 'A' }, [`spec.ingressClassName: Invalid value: "A": ${SUBDOMAIN}`]],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(ingress(spec))).toEqual(causes);
  });
});

describe('a NetworkPolicy', () => {
  it.each<[string, JsonObject, string[]]>([
    [
      'ports',
      { ingress: [{ ports: [{ port: 0 }, { endPort: 5 }, { port: 'a', endPort: 5 }, { port: 9, endPort: 5, protocol: 'tcp' }] }] },
      [
        `spec.ingress[0].ports[0].port: Invalid value: 0: ${PORT}`,
        'spec.ingress[0].ports[1].endPort: Invalid value: 5: may not be specified when `port` is not specified',
        'spec.ingress[0].ports[2].endPort: Invalid value: 5: may not be specified when `port` is non-numeric',
        'spec.ingress[0].ports[3].protocol: Unsupported value: "tcp": supported values: "TCP", "UDP", "SCTP"',
        'spec.ingress[0].ports[3].endPort: Invalid value: 5: must be greater than or equal to `port`',
      ],
    ],
    [
      'peers',
      {
        egress: [
          {
            to: [
              {},
              { ipBlock: { cidr: 'x' } },
              { ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.0.0/8', '11.0.0.0/9'] } },
              { podSelector: {}, ipBlock: {} },
            ],
          },
        ],
      },
      [
        'spec.egress[0].to[0]: Required value: must specify a peer',
        `spec.egress[0].to[1].ipBlock.cidr: Invalid value: "x": ${NO_CIDR}`,
        'spec.egress[0].to[2].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
        'spec.egress[0].to[2].ipBlock.except[1]: Invalid value: "11.0.0.0/9": must be a strict subset of `cidr`',
        'spec.egress[0].to[3].ipBlock.cidr: Required value',
        'spec.egress[0].to[3]: Forbidden: may not specify both ipBlock and another peer',
      ],
    ],
    ['directions', { policyTypes: ['Up'] }, ['spec.policyTypes[0]: Unsupported value: "Up": supported values: "Ingress", "Egress"']],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(policy(spec))).toEqual(causes);
  });

  it('may name a range by any address in it', () => {
    expect(() => admit(policy({ ingress: [{ from: [{ ipBlock: { cidr: '10.1.2.3/8', except: ['10.1.2.3/16'] } }] }] }))).not.toThrow();
  });
});

it('an IngressClass names its controller', () => {
  const of = (spec: JsonObject): JsonObject => manifest('networking.k8s.io/v1 IngressClass', { spec });
  expect(wrong(of({ controller: 'c' }))).toEqual([
    'spec.controller: Invalid value: "c": must be a domain-prefixed path (such as "acme.io/foo")',
  ]);
  expect(wrongUpdate(of({ controller: 'a.io/b' }), of({ controller: 'a.io/c' }))).toEqual([
    'spec.controller: Invalid value: "a.io/c": field is immutable',
  ]);
});
