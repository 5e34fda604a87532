import { object, string } from '../schema/build.ts';
import type { ClusterNetwork, ClusterNetworkSpec } from '../types.ts';
import { readSubnet } from '../values/ipv4.ts';
import { invalid } from '../schema/field-errors.ts';
import { ageColumn, column, nameColumn, NONE } from './columns.ts';
import type { KindDefinition } from './kind.ts';
import { objectMetaSchema } from './metadata.ts';
import { typeMetaFields } from './type-meta.ts';

/** How the pods and services of the cluster are numbered and named: decided by who founds it, the same on every host. One object, `default`. */
export const clusterNetworkKind: KindDefinition = {
  group: 'kith.dev',
  version: 'v1',
  kind: 'ClusterNetwork',
  plural: 'clusternetworks',
  singular: 'clusternetwork',
  shortNames: [],
  namespaced: false,
  categories: [],
  verbs: ['get', 'list', 'watch'],
  subresources: [],
  internal: true,
  schema: object(
    'ClusterNetwork',
    'How the pods and services of the cluster are numbered and named.',
    {
      ...typeMetaFields,
      metadata: objectMetaSchema,
      spec: object(
        'ClusterNetworkSpec',
        'Ranges of addresses.',
        {
          podRange: string('Of which every node takes a /24 for its pods.'),
          serviceRange: string('Of which every Service takes an address.'),
          clusterDomain: string('Under which all names of the cluster are.', { check: 'dns1123Subdomain' }),
        },
        { required: ['podRange'] },
      ),
    },
    { required: ['spec'] },
  ),
  mergeUnits: { members: ['/spec'] },
  validate: (draft) => {
    const { podRange, serviceRange } = draft.spec as ClusterNetworkSpec;
    const errors = readSubnet(podRange) === undefined ? [invalid('spec.podRange', podRange, 'must be a network such as 10.42.0.0/16')] : [];
    if (serviceRange !== undefined && readSubnet(serviceRange) === undefined)
      errors.push(invalid('spec.serviceRange', serviceRange, 'must be a network such as 10.96.0.0/12'));
    return errors;
  },
  columns: [
    nameColumn,
    column('Pod Range', 'Of which every node takes a /24.', (network) => (network as Partial<ClusterNetwork>).spec?.podRange ?? NONE),
    column(
      'Service Range',
      'Of which every Service takes an address.',
      (network) => (network as Partial<ClusterNetwork>).spec?.serviceRange ?? NONE,
    ),
    ageColumn,
  ],
};
