import { expect, it } from 'vitest';
import type { JsonObject, Json } from '../../../../protocol/json.ts';
import { decodeObject } from '../../../../protocol/kinds/admission.ts';
import { validateMerged } from '../../../../protocol/kinds/merged.ts';
import type { StoredObject } from '../../../../protocol/objects.ts';
import { manifest } from './refusals.ts';

/** Rules are asked of objects that lack anything: a client may leave it out, and what a merge made has no defaults. */

const container: JsonObject = {
  name: 'a',
  image: 'x',
  ports: [{ name: 'web', containerPort: 80, hostPort: 80 }],
  env: [
    { name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'B', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
    { name: 'C', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } },
  ],
  envFrom: [{ secretRef: { name: 's' } }],
  volumeMounts: [{ name: 'v', mountPath: '/v' }],
  resources: { limits: { cpu: '1' } },
  securityContext: { seccompProfile: { type: 'RuntimeDefault' }, appArmorProfile: { type: 'Unconfined' } },
  livenessProbe: { httpGet: { port: 80, httpHeaders: [{ name: 'X', value: 'y' }] } },
  lifecycle: { preStop: { sleep: { seconds: 1 } } },
};
const podSpec: JsonObject = {
  containers: [container],
  initContainers: [{ ...container, name: 'i', restartPolicy: 'Always' }],
  volumes: [
    {
      name: 'v',
      projected: {
        sources: [
          { serviceAccountToken: { path: 't' } },
          { downwardAPI: { items: [{ path: 'l', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        ],
      },
    },
    { name: 'w', configMap: { name: 'c', items: [{ key: 'k', path: 'p' }] } },
    { name: 'h', hostPath: { path: '/h' } },
  ],
  tolerations: [{ key: 'a', operator: 'Exists' }],
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'zone',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchExpressions: [{ key: 'a', operator: 'Exists' }] },
    },
  ],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] }],
      },
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, preference: { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }] } },
      ],
    },
    podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: { topologyKey: 'zone' } }] },
  },
  dnsConfig: { nameservers: ['1.1.1.1'], options: [{ name: 'ndots' }] },
  hostAliases: [{ ip: '1.1.1.1', hostnames: ['a'] }],
  securityContext: { sysctls: [{ name: 'a.b', value: '1' }] },
  readinessGates: [{ conditionType: 'a' }],
};
const labels = { app: 'x' };
const selector = { matchLabels: labels };
const template = { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'x' }] } };
const ended = { ...template, spec: { ...template.spec, restartPolicy: 'Never' } };
const jobSpec: JsonObject = {
  template: ended,
  completions: 3,
  completionMode: 'Indexed',
  podFailurePolicy: { rules: [{ action: 'Ignore', onExitCodes: { operator: 'In', values: [1], containerName: 'a' } }] },
  successPolicy: { rules: [{ succeededIndexes: '0-1', succeededCount: 1 }] },
};
const backend = { service: { name: 's', port: { number: 80 } } };
const target = { type: 'AverageValue', averageValue: '1' };
const WHOLE: JsonObject[] = [
  manifest('v1 Pod', { spec: podSpec }),
  manifest('apps/v1 Deployment', {
    spec: { selector, template: { ...template, spec: podSpec }, strategy: { rollingUpdate: { maxSurge: 1 } } },
  }),
  manifest('apps/v1 ReplicaSet', { spec: { selector, template } }),
  manifest('v1 ReplicationController', { spec: { template } }),
  manifest('apps/v1 DaemonSet', { spec: { selector, template, updateStrategy: { rollingUpdate: { maxUnavailable: 1 } } } }),
  manifest('apps/v1 StatefulSet', { spec: { selector, template, updateStrategy: { rollingUpdate: { partition: 1 } } } }),
  manifest('batch/v1 Job', { spec: jobSpec }),
  manifest('batch/v1 CronJob', { spec: { schedule: '@daily', timeZone: 'UTC', jobTemplate: { spec: jobSpec } } }),
  manifest('v1 Service', {
    spec: { ports: [{ name: 'a', port: 80, targetPort: 'web' }], sessionAffinity: 'ClientIP', clusterIP: '10.0.0.1' },
  }),
  manifest('networking.k8s.io/v1 Ingress', {
    spec: {
      defaultBackend: backend,
      rules: [{ host: 'a.b', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
      tls: [{ hosts: ['a.b'], secretName: 's' }],
    },
  }),
  manifest('networking.k8s.io/v1 NetworkPolicy', {
    spec: {
      podSelector: selector,
      ingress: [
        {
          ports: [{ port: 80, endPort: 81 }],
          from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }, { podSelector: selector }],
        },
      ],
    },
  }),
  manifest('autoscaling/v2 HorizontalPodAutoscaler', {
    spec: {
      scaleTargetRef: { kind: 'Deployment', name: 'd' },
      maxReplicas: 3,
      metrics: [
        { type: 'Pods', pods: { metric: { name: 'm' }, target } },
        { type: 'Object', object: { describedObject: { kind: 'Service', name: 's' }, metric: { name: 'm' }, target } },
        { type: 'External', external: { metric: { name: 'm' }, target } },
        { type: 'ContainerResource', containerResource: { name: 'cpu', container: 'a', target } },
      ],
      behavior: { scaleDown: { policies: [{ type: 'Pods', value: 1, periodSeconds: 15 }] } },
    },
  }),
  manifest('policy/v1 PodDisruptionBudget', { spec: { minAvailable: 1, selector } }),
  manifest('v1 ResourceQuota', {
    spec: { hard: { pods: '1' }, scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['a'] }] } },
  }),
  manifest('v1 LimitRange', {
    spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { cpu: '1' }, maxLimitRequestRatio: { cpu: '2' } }] },
  }),
  manifest('v1 PersistentVolumeClaim', {
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1' } },
      dataSource: { kind: 'PersistentVolumeClaim', name: 'c' },
    },
  }),
  manifest('v1 PersistentVolume', {
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1' },
      local: { path: '/x' },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }] }] } },
    },
  }),
  manifest('storage.k8s.io/v1 StorageClass', {
    provisioner: 'a/b',
    allowedTopologies: [{ matchLabelExpressions: [{ key: 'a', values: ['b'] }] }],
  }),
  manifest('rbac.authorization.k8s.io/v1 ClusterRole', { rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] }),
  manifest('rbac.authorization.k8s.io/v1 RoleBinding', { roleRef: { kind: 'Role', name: 'r' }, subjects: [{ kind: 'User', name: 'u' }] }),
  manifest('v1 Secret', { type: 'kubernetes.io/tls', data: { 'tls.crt': '', 'tls.key': '' } }),
];

/** The value without one of its members, for each of them at any depth. */
function* withHoles(value: Json): Generator<Json> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) for (const holed of withHoles(item)) yield value.with(index, holed);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      const { [name]: _gone, ...rest } = value;
      yield rest;
      for (const holed of withHoles(member)) yield { ...value, [name]: holed };
    }
  }
}

it.each(WHOLE.map((value): [string, JsonObject] => [JSON.stringify(value['kind']), value]))(
  'a %s that lacks anything is answered',
  (_kind, whole) => {
    const given = decodeObject(whole, { fieldValidation: 'Strict' });
    expect(given.ok || given.message).toBe(true);
    let holes = 0;
    for (const holed of withHoles(whole)) {
      const result = decodeObject(holed, { fieldValidation: 'Strict' });
      if (!result.ok) expect(result.message).not.toBe('');
      if (given.ok) validateMerged(holed as unknown as StoredObject);
      holes += 1;
    }
    expect(holes).toBeGreaterThan(3);
  },
);
