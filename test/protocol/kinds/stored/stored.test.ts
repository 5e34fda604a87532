import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../protocol/json.ts';
import { toStoredVersion, validateObject } from '../../../../protocol/kinds/admission.ts';
import { inVersion } from '../../../../protocol/kinds/kind.ts';
import { findKind, kindFor } from '../../../../protocol/kinds/registry.ts';
import type { KubeObject, StoredObject } from '../../../../protocol/objects.ts';
import { admit, refuse } from '../objects.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'a', image: 'nginx:1' }] } };
const selector = { matchLabels: { app: 'x' } };
const ended = { ...template, spec: { ...template.spec, restartPolicy: 'Never' } };
const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const rbac = 'rbac.authorization.k8s.io';

/** The least of each kind, what it warns of, its defaults, and its row as `kubectl get -o wide` shows it. */
const KINDS: [string, JsonObject, RegExp | undefined, object, string][] = [
  ['v1 ConfigMap', { data: { a: 'x' }, binaryData: { b: 'AA==' } }, undefined, {}, 'x | 2 | 60m'],
  ['v1 Secret', { data: { a: 'eA==' } }, undefined, { type: 'Opaque' }, 'x | Opaque | 1 | 60m'],
  ['v1 ServiceAccount', {}, undefined, {}, 'x | 0 | 60m'],
  [
    'v1 Service',
    { spec: { selector: { app: 'x' }, ports: [{ port: 80 }], clusterIP: '10.96.0.9' } },
    undefined,
    { spec: { type: 'ClusterIP', sessionAffinity: 'None', clusterIPs: ['10.96.0.9'], ports: [{ protocol: 'TCP', targetPort: 80 }] } },
    'x | ClusterIP | 10.96.0.9 | <none> | 80/TCP | 60m | app=x',
  ],
  ['v1 Endpoints', { subsets: [{ addresses: [{ ip: '1.2.3.4' }], ports: [{ port: 80 }] }] }, undefined, {}, 'x | 1.2.3.4:80 | 60m'],
  [
    'discovery.k8s.io/v1 EndpointSlice',
    { addressType: 'IPv4', endpoints: [{ addresses: ['1.2.3.4'] }], ports: [{ port: 80 }] },
    undefined,
    {},
    'x | IPv4 | 80 | 1.2.3.4 | 60m',
  ],
  [
    'v1 PersistentVolumeClaim',
    { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    /a local volume may grow/,
    { spec: { volumeMode: 'Filesystem' } },
    'x | Pending |  |  |  |  | <unset> | 60m | Filesystem',
  ],
  [
    'v1 PersistentVolume',
    { spec: { accessModes: ['ReadWriteOnce', 'ReadOnlyMany'], capacity: { storage: '1Gi' }, nfs: { server: 's', path: '/' } } },
    /only volumes that Kith makes/,
    { spec: { persistentVolumeReclaimPolicy: 'Retain' } },
    'x | 1Gi | RWO,ROX | Retain | Available |  |  | <unset> |  | 60m | Filesystem',
  ],
  ['storage.k8s.io/v1 StorageClass', { provisioner: 'p' }, /nothing provides/, {}, 'x | p | Delete | Immediate | false | 60m'],
  [`${rbac}/v1 Role`, { rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] }, undefined, {}, 'x | 2026-01-01T00:00:00Z'],
  [`${rbac}/v1 ClusterRole`, { rules: [{ verbs: ['get'], nonResourceURLs: ['/healthz'] }] }, undefined, {}, 'x | 2026-01-01T00:00:00Z'],
  [
    `${rbac}/v1 RoleBinding`,
    {
      roleRef: { kind: 'Role', name: 'r' },
      subjects: [
        { kind: 'User', name: 'u' },
        { kind: 'ServiceAccount', name: 's', namespace: 'n' },
      ],
    },
    undefined,
    { subjects: [{ apiGroup: rbac }, {}], roleRef: { apiGroup: rbac } },
    'x | Role/r | 60m | u |  | n/s',
  ],
  [`${rbac}/v1 ClusterRoleBinding`, { roleRef: { kind: 'ClusterRole', name: 'r' } }, undefined, {}, 'x | ClusterRole/r | 60m |  |  | '],
  ['v1 ResourceQuota', { spec: { hard: { pods: '3', 'limits.cpu': '2' } } }, undefined, {}, 'x | pods: 0/3 | limits.cpu: 0/2 | 60m'],
  ['v1 LimitRange', { spec: { limits: [{ type: 'Container' }] } }, undefined, {}, 'x | 2026-01-01T00:00:00Z'],
  ['policy/v1 PodDisruptionBudget', { spec: { minAvailable: 1, selector } }, undefined, {}, 'x | 1 | N/A | 0 | 60m'],
  ['scheduling.k8s.io/v1 PriorityClass', { value: 7 }, undefined, {}, 'x | 7 | false | 60m | PreemptLowerPriority'],
  [
    'networking.k8s.io/v1 Ingress',
    {
      spec: {
        rules: [
          { host: 'a.b', http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 's', port: { number: 80 } } } }] } },
        ],
      },
    },
    /no controller serves it/,
    {},
    'x | <none> | a.b |  | 80 | 60m',
  ],
  ['networking.k8s.io/v1 IngressClass', { spec: { controller: 'a.io/c' } }, /no controller/, {}, 'x | a.io/c | <none> | 60m'],
  [
    'networking.k8s.io/v1 NetworkPolicy',
    { spec: { podSelector: {} } },
    undefined,
    { spec: { policyTypes: ['Ingress'] } },
    'x | <none> | 60m',
  ],
  [
    'autoscaling/v2 HorizontalPodAutoscaler',
    { spec: { scaleTargetRef: target, maxReplicas: 3 } },
    undefined,
    { spec: { minReplicas: 1, metrics: [{ resource: { name: 'cpu', target: { averageUtilization: 80 } } }] } },
    'x | Deployment/web | cpu: <unknown>/80% | 1 | 3 | 0 | 60m',
  ],
  [
    'batch/v1 Job',
    { spec: { template: ended } },
    undefined,
    { spec: { completions: 1, parallelism: 1, backoffLimit: 6, completionMode: 'NonIndexed', suspend: false } },
    'x | Running | 0/1 |  | 60m | a | nginx:1 | <none>',
  ],
  [
    'batch/v1 CronJob',
    { spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: ended } } } },
    undefined,
    { spec: { concurrencyPolicy: 'Allow', successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 } },
    'x | */5 * * * * | <none> | False | 0 | <none> | 60m | a | nginx:1 | <none>',
  ],
  [
    'apps/v1 DaemonSet',
    { spec: { selector, template } },
    undefined,
    { spec: { updateStrategy: { rollingUpdate: { maxUnavailable: 1 } } } },
    'x | 0 | 0 | 0 | 0 | 0 | <none> | 60m | a | nginx:1 | app=x',
  ],
  [
    'apps/v1 StatefulSet',
    { spec: { serviceName: 's', selector, template } },
    undefined,
    { spec: { replicas: 1, podManagementPolicy: 'OrderedReady' } },
    'x | 0/1 | 60m | a | nginx:1',
  ],
  ['coordination.k8s.io/v1 Lease', { spec: { holderIdentity: 'h' } }, /compared at one peer only/, {}, 'x | h | 60m'],
  ['apps/v1 ControllerRevision', { data: {}, revision: 3 }, undefined, {}, 'x | <none> | 3 | 60m'],
];

function manifest(typeMeta: string, fields: JsonObject): JsonObject {
  const [apiVersion = '', kind = ''] = typeMeta.split(' ');
  return { apiVersion, kind, metadata: { name: 'x' }, ...structuredClone(fields) };
}

describe.each(KINDS)('%s', (typeMeta, fields, warning, defaults, row) => {
  it('is admitted with its defaults, and says what does not happen with it', () => {
    const { object, warnings } = admit(manifest(typeMeta, fields));
    expect(object).toMatchObject(defaults);
    if (warning === undefined) expect(warnings).toEqual([]);
    else expect(warnings).toEqual([expect.stringMatching(warning)]);
  });

  it('is valid again as it is stored, and shows itself as upstream does', () => {
    const { kind, object } = admit(manifest(typeMeta, fields));
    expect(validateObject(kind, object)).toEqual([]);
    const stored = { ...object, metadata: { ...object.metadata, uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' } } as StoredObject;
    expect(kind.columns.map((column) => column.cell(stored as KubeObject, NOW)).join(' | ')).toBe(row);
  });
});

describe('what stored kinds refuse', () => {
  const problem = (typeMeta: string, fields: JsonObject): string[] =>
    refuse(manifest(typeMeta, fields)).causes.map(({ field, message }) => `${field}: ${message}`);

  it('not a mount of what a StatefulSet claims for its pods', () => {
    const containers = [{ name: 'c', image: 'i', volumeMounts: [{ name: 'data', mountPath: '/data' }] }];
    const volumeClaimTemplates = [
      { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1' } } } },
    ];
    const labels = { app: 'x' };
    const spec = { selector: { matchLabels: labels }, serviceName: 'x', template: { metadata: { labels }, spec: { containers } } };
    expect(problem('apps/v1 StatefulSet', { spec })).toContainEqual(expect.stringContaining('volumeMounts[0].name: Not found: "data"'));
    expect(() => admit(manifest('apps/v1 StatefulSet', { spec: { ...spec, volumeClaimTemplates } }))).not.toThrow();
  });

  it('never repeats the value of a secret', () => {
    const refused = refuse(manifest('v1 Secret', { data: { a: 'hush hush' } }));
    expect(refused.message).toContain('illegal base64 data');
    expect(JSON.stringify(refused)).not.toContain('hush');
  });
});

describe('a Secret', () => {
  it('turns texts into bytes', () => {
    const { object } = admit(manifest('v1 Secret', { stringData: { a: 'é' }, data: { b: 'AA==' } }));
    expect(object).toMatchObject({ data: { a: 'w6k=', b: 'AA==' } });
    expect(object).not.toHaveProperty('stringData');
  });
});

describe('a Service', () => {
  it('keeps its address and node ports when a client leaves them out', () => {
    const spec = { type: 'NodePort', clusterIP: '10.96.0.9', ports: [{ port: 80, nodePort: 30080 }] };
    const before = admit(manifest('v1 Service', { spec })).object as StoredObject;
    const kind = findKind('svc');
    if (kind === undefined) throw new Error('no such kind');
    const after = admit(manifest('v1 Service', { spec: { type: 'NodePort', ports: [{ port: 80, targetPort: 8080 }] } })).object;
    expect(toStoredVersion(kind, after, before).draft.spec).toMatchObject({
      ...spec,
      ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }],
    });
  });
});

describe('autoscaling/v1', () => {
  const v1 = kindFor('autoscaling/v1', 'HorizontalPodAutoscaler')?.kind;

  it('is stored as autoscaling/v2, and comes back as it was, with what it has no fields for in annotations', () => {
    const given = admit(
      manifest('autoscaling/v1 HorizontalPodAutoscaler', {
        spec: { scaleTargetRef: target, maxReplicas: 3, targetCPUUtilizationPercentage: 50 },
      }),
    );
    expect(given.kind).toBe(v1);
    const { draft, errors } = toStoredVersion(given.kind, given.object);
    expect(errors).toEqual([]);
    expect(draft).toMatchObject({
      apiVersion: 'autoscaling/v2',
      spec: { metrics: [{ type: 'Resource', resource: { target: { averageUtilization: 50 } } }] },
    });
    expect(inVersion(given.kind, draft as KubeObject)).toEqual(given.object);
    const memory = { type: 'Resource', resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 70 } } };
    const both = { ...draft, spec: { ...(draft.spec as object), metrics: [...(draft.spec as { metrics: unknown[] }).metrics, memory] } };
    const shown = inVersion(given.kind, both as KubeObject);
    expect(shown.metadata.annotations?.['autoscaling.alpha.kubernetes.io/metrics']).toContain('memory');
    expect(given.kind.storedAs?.to(shown)).toEqual(both);
  });
});

describe('an Ingress of a version that is served no more', () => {
  it('is read as one of today', () => {
    const backend = { serviceName: 'web', servicePort: 80 };
    const paths = [{ path: '/', backend: { serviceName: 'web', servicePort: 'http' } }];
    const old = {
      apiVersion: 'extensions/v1beta1',
      kind: 'Ingress',
      metadata: { name: 'x' },
      spec: { backend, rules: [{ http: { paths } }] },
    };
    const { object, warnings } = admit(old);
    expect(object).toMatchObject({
      apiVersion: 'networking.k8s.io/v1',
      spec: {
        defaultBackend: { service: { name: 'web', port: { number: 80 } } },
        rules: [
          {
            http: {
              paths: [{ pathType: 'ImplementationSpecific', path: '/', backend: { service: { name: 'web', port: { name: 'http' } } } }],
            },
          },
        ],
      },
    });
    expect(warnings[0]).toBe('extensions/v1beta1 Ingress is deprecated in v1.14+, unavailable in v1.22+; use networking.k8s.io/v1 Ingress');
    expect(refuse({ ...old, spec: { backend: 5, rules: [{ http: 7 }, 3] } }).code).toBe('BadRequest');
  });
});
