import { object, string, strings } from '../schema/build.ts';
import type { Member } from '../types.ts';
import { ageColumn, column, nameColumn, NONE } from './columns.ts';
import type { KindDefinition } from './kind.ts';
import { objectMetaSchema } from './metadata.ts';
import { typeMetaFields } from './type-meta.ts';

/** Names are peer ids, which are base58: letters of both cases, so Kubernetes' rule for names does not hold. */
function checkPeerId(name: string): string[] {
  return /^[1-9A-HJ-NP-Za-km-z]{1,128}$/.test(name) ? [] : ['must be a libp2p peer id'];
}

/** A host's daemon that was admitted to the cluster. Kept by the daemons; shown so that people can look. */
export const memberKind: KindDefinition = {
  group: 'kith.dev',
  version: 'v1',
  kind: 'Member',
  plural: 'members',
  singular: 'member',
  shortNames: [],
  namespaced: false,
  categories: [],
  verbs: ['get', 'list', 'watch'],
  subresources: [],
  internal: true,
  schema: object(
    'Member',
    'A host that was admitted to the cluster.',
    {
      ...typeMetaFields,
      metadata: objectMetaSchema,
      spec: object(
        'MemberSpec',
        'Who it is, and where.',
        {
          peerId: string('libp2p peer id; carries the key that signs its facts.'),
          nodeName: string('Its node.', { check: 'dns1123Subdomain' }),
          peerAddresses: strings('Multiaddrs of its peer port, most useful first.'),
          beatAddresses: strings('HOST:PORT of its UDP beat socket, one per address.'),
          apiAddresses: strings('https://HOST:PORT of its API.'),
          beatKey: string('X25519 public key, base64url: pairs of members derive their beat keys from it.'),
          admittedBy: string('Peer id of the member that admitted it; its own for the founder.'),
        },
        { required: ['peerId', 'nodeName', 'beatKey', 'admittedBy'] },
      ),
    },
    { required: ['spec'] },
  ),
  mergeUnits: { members: ['/spec'] },
  checkName: checkPeerId,
  columns: [
    nameColumn,
    column('Node', 'Its node.', (member) => (member as Partial<Member>).spec?.nodeName ?? NONE),
    column('Address', 'Where its peer port is.', (member) => (member as Partial<Member>).spec?.peerAddresses?.[0] ?? NONE),
    ageColumn,
  ],
};
