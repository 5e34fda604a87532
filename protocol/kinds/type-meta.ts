import { string } from '../schema/build.ts';

/** The two fields that say what an object is. */
export const typeMetaFields = {
  apiVersion: string('Version of the schema that the object is written in.'),
  kind: string('What sort of object it is.'),
} as const;
