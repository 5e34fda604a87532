import type { StoredObject } from '../../../protocol/objects.ts';
import type { PolicyRule } from '../../../protocol/types.ts';

/** The roles that every cluster begins with, as upstream has them. Source: plugin/pkg/auth/authorizer/rbac/bootstrappolicy. */

const API = 'rbac.authorization.k8s.io';
const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const BOOTSTRAP = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
const aggregateLabel = (to: string): string => `${API}/aggregate-to-${to}`;

function on(verbs: string[], group: string, resources: string): PolicyRule {
  return { verbs, apiGroups: [group], resources: resources.split(' ') };
}

const SHOWN: readonly [string, string][] = [
  [
    '',
    'bindings configmaps endpoints events limitranges namespaces namespaces/status persistentvolumeclaims persistentvolumeclaims/status pods pods/log pods/status replicationcontrollers replicationcontrollers/scale replicationcontrollers/status resourcequotas resourcequotas/status serviceaccounts services services/status',
  ],
  [
    'apps',
    'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status',
  ],
  ['autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'],
  ['batch', 'cronjobs cronjobs/status jobs jobs/status'],
  ['discovery.k8s.io', 'endpointslices'],
  // Upstream's metrics-server brings this rule along.
  ['metrics.k8s.io', 'nodes pods'],
  ['networking.k8s.io', 'ingresses ingresses/status networkpolicies'],
  ['policy', 'poddisruptionbudgets poddisruptionbudgets/status'],
];

const WRITTEN: readonly [string, string][] = [
  [
    '',
    'configmaps events persistentvolumeclaims pods pods/attach pods/exec pods/portforward pods/proxy replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
  ],
  ['apps', 'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale'],
  ['autoscaling', 'horizontalpodautoscalers'],
  ['batch', 'cronjobs jobs'],
  ['networking.k8s.io', 'ingresses networkpolicies'],
  ['policy', 'poddisruptionbudgets'],
];

/** Name, rules, and the role that they are gathered into. */
const ROLES: readonly [string, PolicyRule[], string?][] = [
  [
    'cluster-admin',
    [
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['*'], nonResourceURLs: ['*'] },
    ],
  ],
  [
    'system:aggregate-to-admin',
    [on(['create'], 'authorization.k8s.io', 'localsubjectaccessreviews'), on([...WRITE, ...READ], API, 'rolebindings roles')],
    'admin',
  ],
  [
    'system:aggregate-to-edit',
    [
      on(READ, '', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy'),
      on(['impersonate'], '', 'serviceaccounts'),
      on(['create'], '', 'pods/eviction serviceaccounts/token'),
      ...WRITTEN.map(([group, resources]) => on(WRITE, group, resources)),
      on([...WRITE, ...READ], 'coordination.k8s.io', 'leases'),
    ],
    'edit',
  ],
  ['system:aggregate-to-view', SHOWN.map(([group, resources]) => on(READ, group, resources)), 'view'],
  [
    'system:basic-user',
    [
      on(['create'], 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
      on(['create'], 'authentication.k8s.io', 'selfsubjectreviews'),
    ],
  ],
  [
    'system:discovery',
    [
      {
        verbs: ['get'],
        nonResourceURLs: [
          '/api',
          '/api/*',
          '/apis',
          '/apis/*',
          '/healthz',
          '/livez',
          '/openapi',
          '/openapi/*',
          '/readyz',
          '/version',
          '/version/',
        ],
      },
    ],
  ],
];

/** Gathered roles: which labels they gather, and which one gathers them in turn. */
const AGGREGATED: readonly [string, string?][] = [['admin'], ['edit', 'admin'], ['view', 'edit']];

const BINDINGS: readonly [string, string][] = [
  ['cluster-admin', 'system:masters'],
  ['system:basic-user', 'system:authenticated'],
  ['system:discovery', 'system:authenticated'],
];

/** @param creationTimestamp the same on every peer, so that two that make them make the same */
export function defaultRoles(creationTimestamp: string): StoredObject[] {
  const metadata = (name: string, to?: string) => ({
    name,
    uid: '',
    creationTimestamp,
    labels: { ...BOOTSTRAP, ...(to === undefined ? {} : { [aggregateLabel(to)]: 'true' }) },
  });
  const apiVersion = `${API}/v1`;
  return [
    ...ROLES.map(([name, rules, to]) => ({ apiVersion, kind: 'ClusterRole', metadata: metadata(name, to), rules })),
    ...AGGREGATED.map(([name, to]) => ({
      apiVersion,
      kind: 'ClusterRole',
      metadata: metadata(name, to),
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [aggregateLabel(name)]: 'true' } }] },
    })),
    ...BINDINGS.map(([name, group]) => ({
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: metadata(name),
      roleRef: { apiGroup: API, kind: 'ClusterRole', name },
      subjects: [{ apiGroup: API, kind: 'Group', name: group }],
    })),
  ];
}
