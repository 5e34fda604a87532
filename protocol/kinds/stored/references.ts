import { object, string } from '../../schema/build.ts';
import type { ObjectSchema } from '../../schema/schema.ts';

/** References to other objects, as several kinds hold them. */

export const objectReferenceSchema: ObjectSchema = object('ObjectReference', 'Another object.', {
  apiVersion: string('Its API version.'),
  kind: string('Its kind.'),
  namespace: string('Its namespace.'),
  name: string('Its name.'),
  uid: string('Its uid.'),
  resourceVersion: string('The version that is meant.'),
  fieldPath: string('A part of it, for example `spec.containers{web}`.'),
});

export const typedReferenceSchema: ObjectSchema = object(
  'TypedLocalObjectReference',
  'An object of the same namespace.',
  { apiGroup: string('Its API group; empty for the core group.'), kind: string('Its kind.'), name: string('Its name.') },
  { required: ['kind', 'name'] },
);
