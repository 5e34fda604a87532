import { any, map, object, string, strings, time } from '../../schema/build.ts';
import type { Schema } from '../../schema/schema.ts';
import { createdColumn, nameColumn } from '../columns.ts';
import type { KindDefinition } from '../kind.ts';
import { objectMetaSchema } from '../metadata.ts';
import { typeMetaFields } from '../type-meta.ts';

/** Questions about who somebody is and what he may do: answered when they are asked, and kept nowhere. */

const AUTHORIZATION = 'authorization.k8s.io';
const AUTHENTICATION = 'authentication.k8s.io';

const attributes = {
  resourceAttributes: object('ResourceAttributes', 'An action on a resource.', {
    verb: string('The verb.'),
    group: string('API group.'),
    version: string('API version.'),
    resource: string('The resource.'),
    subresource: string('The subresource.'),
    namespace: string('Empty: cluster-wide, or all namespaces.'),
    name: string('Empty: all.'),
    fieldSelector: any('Which of them, by fields.', { support: 'refused', why: 'roles do not tell objects apart by fields' }),
    labelSelector: any('Which of them, by labels.', { support: 'refused', why: 'roles do not tell objects apart by labels' }),
  }),
  nonResourceAttributes: object('NonResourceAttributes', 'An action on a path.', { verb: string('The verb.'), path: string('The path.') }),
};
const somebody = {
  user: string('The user.'),
  groups: strings('Groups of the user.'),
  uid: string('Uid of the user.'),
  extra: map('More of the user.', strings('Values.')),
};

function review(
  group: string,
  kind: string,
  description: string,
  fields: Readonly<Record<string, Schema>>,
  namespaced = false,
): KindDefinition {
  const spec = object(`${kind}Spec`, 'The question.', fields);
  return {
    group,
    version: 'v1',
    kind,
    plural: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    shortNames: [],
    namespaced,
    categories: [],
    verbs: ['create'],
    subresources: [],
    isReview: true,
    schema: object(kind, description, { ...typeMetaFields, metadata: objectMetaSchema, spec, status: any('The answer.') }),
    mergeUnits: { members: [] },
    columns: [nameColumn, createdColumn],
  };
}

export const reviewKinds: readonly KindDefinition[] = [
  review(AUTHENTICATION, 'SelfSubjectReview', 'Who I am.', {}),
  review(AUTHENTICATION, 'TokenReview', 'Whose a token is.', { token: string('The token.'), audiences: strings('Whom it must be for.') }),
  review(
    AUTHORIZATION,
    'LocalSubjectAccessReview',
    'Whether somebody may do something in a namespace.',
    { ...attributes, ...somebody },
    true,
  ),
  review(AUTHORIZATION, 'SelfSubjectAccessReview', 'Whether I may do something.', attributes),
  review(AUTHORIZATION, 'SelfSubjectRulesReview', 'What I may do in a namespace.', { namespace: string('The namespace.') }),
  review(AUTHORIZATION, 'SubjectAccessReview', 'Whether somebody may do something.', { ...attributes, ...somebody }),
];

/** What asks for a token of a service account, as `serviceaccounts/NAME/token`. */
export const tokenRequestSchema = object('TokenRequest', 'Asks for a token.', {
  ...typeMetaFields,
  metadata: objectMetaSchema,
  spec: object(
    'TokenRequestSpec',
    'Which token.',
    {
      audiences: strings('Whom it is for; the API unless given.'),
      expirationSeconds: {
        type: 'integer',
        format: 'int64',
        description: 'For how long it is to hold.',
        default: 3600,
        minimum: 600,
        maximum: 2 ** 32,
      },
      boundObjectRef: object('BoundObjectReference', 'An object without which it does not count.', {
        apiVersion: string('API version.'),
        kind: string('Kind.'),
        name: string('Name.'),
        uid: string('Uid.'),
      }),
    },
    { default: {} },
  ),
  status: object('TokenRequestStatus', 'The token.', { token: string('The token.'), expirationTimestamp: time('When it ends.') }),
});
