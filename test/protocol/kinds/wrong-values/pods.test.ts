import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../protocol/json.ts';
import { pod } from '../objects.ts';
import { LABEL, LABEL_VALUE, QUALIFIED, SUBDOMAIN, wrong } from './refusals.ts';

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';
const IDS = 'must be between 0 and 2147483647, inclusive';
const spread = { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' };

function nodeTerm(requirement: JsonObject, field = 'matchExpressions'): JsonObject {
  return { affinity: { nodeAffinity: { [REQUIRED]: { nodeSelectorTerms: [{ [field]: [requirement] }] } } } };
}

describe('of a pod spec', () => {
  it.each<[string, JsonObject, string[]]>([
    ['no containers', { containers: [] }, ['spec.containers: Required value']],
    [
      'a restart policy',
      { restartPolicy: 'Sometimes' },
      ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
    ],
    [
      'a DNS policy',
      { dnsPolicy: 'Mine' },
      ['spec.dnsPolicy: Unsupported value: "Mine": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"'],
    ],
    [
      'a deadline',
      { activeDeadlineSeconds: 0 },
      ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive'],
    ],
    ['a host name', { hostname: 'A' }, [`spec.hostname: Invalid value: "A": ${LABEL}`]],
    ['a host name with dots', { hostname: 'a.b' }, ['spec.hostname: Invalid value: "a.b": must not contain dots']],
    ['a node', { nodeName: 'a_b' }, [`spec.nodeName: Invalid value: "a_b": ${SUBDOMAIN}`]],
    ['an account', { serviceAccountName: 'A' }, [`spec.serviceAccountName: Invalid value: "A": ${SUBDOMAIN}`]],
    ['a class', { priorityClassName: 'A' }, [`spec.priorityClassName: Invalid value: "A": ${SUBDOMAIN}`]],
    [
      'a preemption policy',
      { preemptionPolicy: 'Ask' },
      ['spec.preemptionPolicy: Unsupported value: "Ask": supported values: "PreemptLowerPriority", "Never"'],
    ],
    ['a label of nodes', { nodeSelector: { 'a b': 'x' } }, [`spec.nodeSelector: Invalid value: "a b": name part ${QUALIFIED}`]],
    ['a value of such a label', { nodeSelector: { a: '-' } }, [`spec.nodeSelector: Invalid value: "-": ${LABEL_VALUE}`]],
    [
      'name servers without need of them',
      { dnsPolicy: 'None' },
      ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
    ],
    [
      'no name servers',
      { dnsPolicy: 'None', dnsConfig: { searches: ['a'] } },
      ['spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None'],
    ],
    [
      'name servers and options',
      { dnsConfig: { nameservers: ['one'], options: [{ value: 'x' }] } },
      [
        'spec.dnsConfig.nameservers[0]: Invalid value: "one": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        'spec.dnsConfig.options[0]: Required value: must not be empty',
      ],
    ],
    [
      'a line for /etc/hosts',
      { hostAliases: [{ ip: 'x', hostnames: ['a b'] }] },
      [
        'spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        `spec.hostAliases[0].hostnames[0]: Invalid value: "a b": ${SUBDOMAIN}`,
      ],
    ],
    [
      'gates',
      { schedulingGates: [{ name: 'a b' }, { name: 'x' }, { name: 'x' }] },
      [`spec.schedulingGates[0]: Invalid value: "a b": name part ${QUALIFIED}`, 'spec.schedulingGates[2]: Duplicate value: "x"'],
    ],
    [
      'a toleration of all values, with one',
      { tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] },
      ['spec.tolerations[0].operator: Invalid value: "b": value must be empty when `operator` is \'Exists\''],
    ],
    [
      'a toleration without a key',
      { tolerations: [{ operator: 'Exists' }, { value: 'b' }] },
      [
        'spec.tolerations[1].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ],
    ],
    [
      'a toleration for a time',
      { tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 3 }] },
      ['spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be \'NoExecute\' when `tolerationSeconds` is set'],
    ],
    [
      'an operator and an effect',
      { tolerations: [{ key: 'a', operator: 'Like', effect: 'NoRun' }] },
      [
        'spec.tolerations[0].operator: Unsupported value: "Like": supported values: "Equal", "Exists"',
        'spec.tolerations[0].effect: Unsupported value: "NoRun": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
      ],
    ],
    [
      'a skew and an action',
      { topologySpreadConstraints: [{ maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'Maybe' }] },
      [
        'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
        'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Maybe": supported values: "DoNotSchedule", "ScheduleAnyway"',
      ],
    ],
    [
      'an empty spread constraint',
      { topologySpreadConstraints: [{}] },
      [
        'spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero',
        'spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty',
        'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "": supported values: "DoNotSchedule", "ScheduleAnyway"',
      ],
    ],
    [
      'two constraints of one key',
      { topologySpreadConstraints: [spread, spread] },
      ['spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, DoNotSchedule}"'],
    ],
    [
      'places of what need not be',
      { topologySpreadConstraints: [{ ...spread, whenUnsatisfiable: 'ScheduleAnyway', minDomains: 0 }] },
      [
        'spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: must be greater than zero',
        'spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway',
      ],
    ],
    [
      'keys without a selector, and a policy',
      { topologySpreadConstraints: [{ ...spread, matchLabelKeys: ['a'], nodeTaintsPolicy: 'Ask' }] },
      [
        'spec.topologySpreadConstraints[0].nodeTaintsPolicy: Unsupported value: "Ask": supported values: "Honor", "Ignore"',
        'spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set',
      ],
    ],
    [
      'an operator of a node selector',
      nodeTerm({ key: 'a', operator: 'Like' }),
      [
        `spec.affinity.nodeAffinity.${REQUIRED}.nodeSelectorTerms[0].matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator`,
      ],
    ],
    [
      'values of a node selector',
      nodeTerm({ key: 'a', operator: 'Gt', values: ['1', '2'] }),
      [
        `spec.affinity.nodeAffinity.${REQUIRED}.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified single value when \`operator\` is 'Lt' or 'Gt'`,
      ],
    ],
    [
      'a field of nodes',
      nodeTerm({ key: 'spec.x', operator: 'Exists' }, 'matchFields'),
      [
        `spec.affinity.nodeAffinity.${REQUIRED}.nodeSelectorTerms[0].matchFields[0].key: Invalid value: "spec.x": not a valid field selector key`,
        `spec.affinity.nodeAffinity.${REQUIRED}.nodeSelectorTerms[0].matchFields[0].operator: Invalid value: "Exists": not a valid selector operator`,
      ],
    ],
    [
      'no node selector terms',
      { affinity: { nodeAffinity: { [REQUIRED]: {} } } },
      [`spec.affinity.nodeAffinity.${REQUIRED}.nodeSelectorTerms: Required value: must have at least one node selector term`],
    ],
    [
      'a weight',
      { affinity: { nodeAffinity: { [PREFERRED]: [{ weight: 101, preference: {} }] } } },
      [`spec.affinity.nodeAffinity.${PREFERRED}[0].weight: Invalid value: 101: must be in the range 1-100`],
    ],
    [
      'a pod affinity term',
      { affinity: { podAntiAffinity: { [REQUIRED]: [{ namespaces: ['A'], labelSelector: {} }] } } },
      [
        `spec.affinity.podAntiAffinity.${REQUIRED}[0].namespace: Invalid value: "A": ${LABEL}`,
        `spec.affinity.podAntiAffinity.${REQUIRED}[0].topologyKey: Required value: can not be empty`,
        `spec.affinity.podAntiAffinity.${REQUIRED}[0].topologyKey: Invalid value: "": name part must be non-empty`,
        `spec.affinity.podAntiAffinity.${REQUIRED}[0].topologyKey: Invalid value: "": name part ${QUALIFIED}`,
      ],
    ],
    [
      'ids',
      { securityContext: { runAsUser: -1, fsGroup: -1, supplementalGroups: [-1] } },
      [
        `spec.securityContext.fsGroup: Invalid value: -1: ${IDS}`,
        `spec.securityContext.runAsUser: Invalid value: -1: ${IDS}`,
        `spec.securityContext.supplementalGroups[0]: Invalid value: -1: ${IDS}`,
      ],
    ],
    [
      'a kernel parameter',
      {
        securityContext: {
          sysctls: [
            { name: 'A', value: 'x' },
            { name: 'a.b', value: '1' },
            { name: 'a.b', value: '2' },
          ],
        },
      },
      [
        'spec.securityContext.sysctls[0].name: Invalid value: "A": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
        'spec.securityContext.sysctls[2].name: Duplicate value: "a.b"',
      ],
    ],
    [
      'policies of groups',
      { securityContext: { fsGroupChangePolicy: 'Maybe', supplementalGroupsPolicy: 'Some' } },
      [
        'spec.securityContext.fsGroupChangePolicy: Unsupported value: "Maybe": supported values: "Always", "OnRootMismatch"',
        'spec.securityContext.supplementalGroupsPolicy: Unsupported value: "Some": supported values: "Merge", "Strict"',
      ],
    ],
    [
      'two ways to share processes',
      { shareProcessNamespace: true, hostPID: true },
      ['spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled'],
    ],
    [
      'user ids of its own in the network of the node',
      { hostUsers: false, hostNetwork: true },
      ['spec.hostNetwork: Forbidden: when `hostUsers` is false'],
    ],
    [
      'many of them, in the order in which Kubernetes looks',
      {
        hostname: 'A',
        tolerations: [{ key: 'a', effect: 'x' }],
        restartPolicy: 'x',
        volumes: [{ name: 'v', hostPath: {} }],
        containers: [{}],
      },
      [
        'spec.volumes[0].hostPath.path: Required value',
        'spec.containers[0].name: Required value',
        'spec.containers[0].image: Required value',
        'spec.restartPolicy: Unsupported value: "x": supported values: "Always", "OnFailure", "Never"',
        `spec.hostname: Invalid value: "A": ${LABEL}`,
        'spec.tolerations[0].effect: Unsupported value: "x": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
      ],
    ],
  ])('%s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(pod(spec))).toEqual(causes);
  });

  it('an annotation that means something is looked at', () => {
    const value = { ...pod(), metadata: { name: 'x', annotations: { 'controller.kubernetes.io/pod-deletion-cost': 'low' } } };
    const at = 'metadata.annotations[controller.kubernetes.io/pod-deletion-cost]';
    expect(wrong(value)).toEqual([`${at}: Invalid value: "low": must be a 32bit integer`]);
  });
});

describe('of metadata', () => {
  const long = 'a'.repeat(64);
  it.each<[string, JsonObject, string[]]>([
    ['a name', { name: 'A' }, [`metadata.name: Invalid value: "A": ${SUBDOMAIN}`]],
    [
      'labels',
      { name: 'x', labels: { 'a/b/c': 'x', '/b': long } },
      [
        `metadata.labels: Invalid value: "a/b/c": a valid label key ${QUALIFIED} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
        'metadata.labels: Invalid value: "/b": prefix part must be non-empty',
        `metadata.labels: Invalid value: "${long}": must be no more than 63 bytes`,
      ],
    ],
    [
      'an owner',
      { name: 'x', ownerReferences: [{ name: 'o' }] },
      [
        'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
        'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
        'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
      ],
    ],
    [
      'two finalizers that contradict each other',
      { name: 'x', finalizers: ['orphan', 'foregroundDeletion'] },
      ['metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set'],
    ],
  ])('%s is refused in the words of Kubernetes', (_what, metadata, causes) => {
    expect(wrong({ ...pod(), metadata })).toEqual(causes);
  });
});
