import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../protocol/json.ts';
import { admit } from '../objects.ts';
import { CONFIG_KEY, LABEL, manifest, SUBDOMAIN, wrong, wrongUpdate } from './refusals.ts';

const rbac = 'rbac.authorization.k8s.io';
const requests = { requests: { storage: '1Gi' } };

function claim(spec: JsonObject): JsonObject {
  return manifest('v1 PersistentVolumeClaim', { spec: { accessModes: ['ReadWriteOnce'], resources: requests, ...spec } });
}

function volume(spec: JsonObject): JsonObject {
  const usual = { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, nfs: { server: 's', path: '/' } };
  return manifest('v1 PersistentVolume', { spec: { ...usual, ...spec } });
}

const storageClass = (fields: JsonObject): JsonObject => manifest('storage.k8s.io/v1 StorageClass', { provisioner: 'a/b', ...fields });
const MODES = '"ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"';

describe('a PersistentVolumeClaim', () => {
  it.each<[string, JsonObject, string[]]>([
    [
      'nothing',
      { accessModes: null, resources: null },
      ['spec.accessModes: Required value: at least 1 access mode is required', 'spec.resources[storage]: Required value'],
    ],
    [
      'modes',
      { accessModes: ['ReadWriteOncePod', 'ReadWriteMany', 'RWO'] },
      [
        `spec.accessModes: Unsupported value: "RWO": supported values: ${MODES}`,
        'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
      ],
    ],
    [
      'a size, a class and a mode',
      { resources: { requests: { storage: '0' } }, storageClassName: 'A', volumeMode: 'Tape' },
      [
        'spec.resources[storage]: Invalid value: "0": must be greater than zero',
        `spec.storageClassName: Invalid value: "A": ${SUBDOMAIN}`,
        'spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"',
      ],
    ],
    [
      'a source',
      { dataSource: { kind: 'Pod' } },
      [
        'spec.dataSource.name: Required value',
        'spec.dataSource: Invalid value: "Pod": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
      ],
    ],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(claim(spec))).toEqual(causes);
  });

  it('keeps its spec; a bound one may grow, and shrink to what it has', () => {
    const fixed =
      'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    const larger = { resources: { requests: { storage: '2Gi' } } };
    const bound = { phase: 'Bound', capacity: { storage: '1Gi' } };
    expect(wrongUpdate(claim({}), claim({ accessModes: ['ReadWriteMany'] }))).toEqual([fixed]);
    expect(wrongUpdate(claim({}), claim(larger))).toEqual([fixed]);
    expect(wrongUpdate(claim({}), claim(larger), bound)).toEqual([]);
    expect(wrongUpdate(claim(larger), claim({}), bound)).toEqual([
      'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
    ]);
    // What is chosen for it is no change.
    expect(wrongUpdate(claim({}), claim({ volumeName: 'v', storageClassName: 's' }))).toEqual([]);
    expect(wrongUpdate(claim({ volumeName: 'v' }), claim({ volumeName: 'w' }))).toEqual([fixed]);
  });
});

describe('a PersistentVolume', () => {
  it.each<[string, JsonObject, string[]]>([
    [
      'nothing',
      { accessModes: null, capacity: null, nfs: null },
      [
        'spec.accessModes: Required value',
        'spec.capacity: Required value',
        'spec.capacity: Unsupported value: null: supported values: "storage"',
        'spec: Required value: must specify a volume type',
      ],
    ],
    [
      'a size and a policy',
      { capacity: { storage: '0' }, persistentVolumeReclaimPolicy: 'Burn' },
      [
        'spec.capacity[storage]: Invalid value: "0": must be greater than zero',
        'spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Recycle", "Retain"',
      ],
    ],
    ['two sources', { hostPath: { path: '/x' } }, ['spec.nfs: Forbidden: may not specify more than 1 volume type']],
    [
      'a folder of no node',
      { nfs: null, local: { path: '/x' } },
      ['spec.nodeAffinity: Required value: Local volume requires node affinity'],
    ],
    [
      'a folder of all nodes',
      { nfs: null, hostPath: { path: '/' }, persistentVolumeReclaimPolicy: 'Recycle' },
      ["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
    ],
  ])('with %s is refused in the words of Kubernetes', (_what, spec, causes) => {
    expect(wrong(volume(spec))).toEqual(causes);
  });

  it('stays where it is', () => {
    expect(wrongUpdate(volume({}), volume({ nfs: { server: 't', path: '/' }, volumeMode: 'Block' }))).toEqual([
      'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation',
      'volumeMode: Invalid value: "Block": field is immutable',
    ]);
  });
});

it('a StorageClass says who provides it, and keeps that', () => {
  expect(wrong(storageClass({ provisioner: '', reclaimPolicy: 'Burn', volumeBindingMode: 'Late' }))).toEqual([
    'provisioner: Required value',
    'reclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Retain"',
    'volumeBindingMode: Unsupported value: "Late": supported values: "Immediate", "WaitForFirstConsumer"',
  ]);
  expect(wrong(storageClass({ provisioner: 'A/B/C' }))).toEqual([
    expect.stringMatching(/^provisioner: Invalid value: "a\/b\/c": a valid label key must consist of/),
  ]);
  const many = Object.fromEntries(Array.from({ length: 513 }, (_, index) => [index === 0 ? '' : `p${index}`, 'x']));
  expect(wrong(storageClass({ parameters: many }))).toEqual(['parameters: Too long: may not be more than 512 bytes']);
  const term = (...values: string[]): JsonObject => ({ matchLabelExpressions: [{ key: 'zone', values }] });
  expect(wrong(storageClass({ allowedTopologies: [term('a', 'b'), term('c'), term('b', 'a')] }))).toEqual([
    'allowedTopologies[2].matchLabelExpressions: Duplicate value: ""',
  ]);
  const next = { provisioner: 'a/c', parameters: { x: 'y' }, reclaimPolicy: 'Retain', volumeBindingMode: 'WaitForFirstConsumer' };
  expect(wrongUpdate(storageClass({}), storageClass(next))).toEqual([
    'parameters: Forbidden: updates to parameters are forbidden.',
    'provisioner: Forbidden: updates to provisioner are forbidden.',
    'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.',
    'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
  ]);
});

describe('a ConfigMap', () => {
  it('has keys, each once, and is not too large', () => {
    expect(wrong(manifest('v1 ConfigMap', { data: { 'a/b': 'x', b: 'x' }, binaryData: { b: 'AA==', '..': 'AA==' } }))).toEqual([
      `data[a/b]: Invalid value: "a/b": ${CONFIG_KEY}`,
      'data[b]: Invalid value: "b": duplicate of key present in binaryData',
      'binaryData[..]: Invalid value: "..": must not be \'..\'',
    ]);
    const half = 'x'.repeat(600_000);
    expect(wrong(manifest('v1 ConfigMap', { data: { a: half, b: half } }))).toEqual(['[]: Too long: may not be more than 1048576 bytes']);
  });

  it('that is immutable stays as it is', () => {
    const before = manifest('v1 ConfigMap', { data: { a: 'x' }, immutable: true });
    expect(wrongUpdate(before, manifest('v1 ConfigMap', { data: { a: 'y' }, binaryData: { b: 'AA==' } }))).toEqual([
      'immutable: Forbidden: field is immutable when `immutable` is set',
      'data: Forbidden: field is immutable when `immutable` is set',
      'binaryData: Forbidden: field is immutable when `immutable` is set',
    ]);
  });
});

describe('a Secret', () => {
  it.each<[string, JsonObject, string[]]>([
    ['kubernetes.io/tls', {}, ['data[tls.crt]: Required value', 'data[tls.key]: Required value']],
    ['kubernetes.io/basic-auth', {}, ['data[username]: Required value', 'data[password]: Required value']],
    ['kubernetes.io/ssh-auth', { 'ssh-privatekey': '' }, ['data[ssh-privatekey]: Required value']],
    ['kubernetes.io/service-account-token', {}, ['metadata.annotations[kubernetes.io/service-account.name]: Required value']],
    [
      'kubernetes.io/dockerconfigjson',
      { '.dockerconfigjson': 'W10=' },
      [
        'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": json: cannot unmarshal array into Go value of type map[string]interface {}',
      ],
    ],
  ])('of type %s has what it needs', (type, data, causes) => {
    expect(wrong(manifest('v1 Secret', { type, data }))).toEqual(causes);
  });

  it('keeps its type, and all if it is immutable', () => {
    const before = manifest('v1 Secret', { data: { a: 'AA==' }, immutable: true });
    expect(wrongUpdate(before, manifest('v1 Secret', { type: 'mine', data: {}, immutable: true }))).toEqual([
      'type: Invalid value: "mine": field is immutable',
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
  });
});

describe('rights', () => {
  it.each<[string, JsonObject, string[]]>([
    [
      'Role',
      { rules: [{}, { verbs: ['get'], nonResourceURLs: ['/x'], resources: ['pods'] }] },
      [
        'rules[0].verbs: Required value: verbs must contain at least one value',
        'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
        'rules[0].resources: Required value: resource rules must supply at least one resource',
        'rules[1].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
        'rules[1].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
      ],
    ],
    [
      'ClusterRole',
      { aggregationRule: {} },
      ['aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil'],
    ],
    [
      'RoleBinding',
      { subjects: [{ kind: 'Robot', name: 'r' }, { kind: 'User' }, { kind: 'ServiceAccount', name: 'S', apiGroup: 'x' }] },
      [
        'roleRef.kind: Unsupported value: "": supported values: "Role", "ClusterRole"',
        'roleRef.name: Required value',
        'subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
        'subjects[1].name: Required value',
        `subjects[2].name: Invalid value: "S": ${SUBDOMAIN}`,
        'subjects[2].apiGroup: Unsupported value: "x": supported values: ""',
      ],
    ],
    [
      'ClusterRoleBinding',
      { roleRef: { kind: 'Role', name: 'r%' }, subjects: [{ kind: 'ServiceAccount', name: 's' }] },
      [
        'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
        'roleRef.name: Invalid value: "r%": may not contain \'%\'',
        'subjects[0].namespace: Required value',
      ],
    ],
  ])('in a %s are refused in the words of Kubernetes', (kind, fields, causes) => {
    expect(wrong(manifest(`${rbac}/v1 ${kind}`, fields))).toEqual(causes);
  });

  it('are bound to one role', () => {
    const binding = (name: string): JsonObject => manifest(`${rbac}/v1 RoleBinding`, { roleRef: { kind: 'Role', name } });
    expect(wrongUpdate(binding('a'), binding('b'))).toEqual([
      `roleRef: Invalid value: {"APIGroup":"${rbac}","Kind":"Role","Name":"b"}: cannot change roleRef`,
    ]);
  });

  it('of a service account are those of the namespace of the binding, unless it says another', () => {
    const value = manifest(`${rbac}/v1 RoleBinding`, {
      roleRef: { kind: 'Role', name: 'r' },
      subjects: [{ kind: 'ServiceAccount', name: 's' }],
    });
    expect(() => admit(value)).not.toThrow();
  });
});

it('a Namespace is named by a label', () => {
  const named = (name: string): JsonObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  expect(wrong(named('A'))).toEqual([`metadata.name: Invalid value: "A": ${LABEL}`]);
  expect(wrong(named('a.b'))).toEqual(['metadata.name: Invalid value: "a.b": must not contain dots']);
});
