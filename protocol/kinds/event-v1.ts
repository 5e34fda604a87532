import type { DraftObject, KubeObject } from '../objects.ts';
import { integer, object, string, time } from '../schema/build.ts';
import { forbidden, required } from '../schema/field-errors.ts';
import { eventKind, eventSeriesSchema, eventSourceSchema } from './event.ts';
import type { FieldError, KindDefinition } from './kind.ts';
import { objectMetaSchema } from './metadata.ts';
import { objectReferenceSchema } from './stored/references.ts';
import { typeMetaFields } from './type-meta.ts';

/** By the field of events.k8s.io/v1: the one of v1, which is stored. */
const STORED_FIELDS: Readonly<Record<string, string>> = {
  regarding: 'involvedObject',
  note: 'message',
  reportingController: 'reportingComponent',
  deprecatedSource: 'source',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
  deprecatedCount: 'count',
};
const REFERENCE_FIELDS = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];
/** What this version has for v1 alone. */
const DEPRECATED = ['deprecatedSource', 'deprecatedFirstTimestamp', 'deprecatedLastTimestamp', 'deprecatedCount'];

/** Events as newer recorders write them. */
export const eventV1Kind: KindDefinition = {
  ...eventKind,
  group: 'events.k8s.io',
  schema: object('Event', 'Something that happened to an object.', {
    ...typeMetaFields,
    metadata: objectMetaSchema,
    eventTime: time('When it happened first, to the microsecond.'),
    series: eventSeriesSchema,
    reportingController: string('Part of the system that reports it.'),
    reportingInstance: string('Which instance of that part.'),
    action: string('What was done.'),
    reason: string('Why, in one word for programs.'),
    regarding: objectReferenceSchema,
    related: objectReferenceSchema,
    note: string('What happened, for people.'),
    type: string('Normal or Warning.'),
    deprecatedSource: eventSourceSchema,
    deprecatedFirstTimestamp: time('When it happened first.'),
    deprecatedLastTimestamp: time('When it happened last.'),
    deprecatedCount: integer('How often it happened.'),
  }),
  storedAs: {
    kind: eventKind,
    to: (draft) => renamed(draft, 'v1', STORED_FIELDS),
    from: (shown) =>
      renamed(shown, 'events.k8s.io/v1', Object.fromEntries(Object.entries(STORED_FIELDS).map(([own, stored]) => [stored, own]))),
  },
  storedPaths: {
    ...Object.fromEntries(REFERENCE_FIELDS.map((field) => [`regarding.${field}`, `involvedObject.${field}`])),
    reportingController: 'reportingComponent',
  },
  validate: () => [],
  validateCreate,
};

function renamed<T extends DraftObject | KubeObject>(event: T, apiVersion: string, names: Readonly<Record<string, string>>): T {
  const fields = Object.entries(event).map(([name, value]) => [names[name] ?? name, value] as const);
  return { ...(Object.fromEntries(fields) as T), apiVersion };
}

/** Upstream's rules for new Events of this version (validateV1EventSeries and its callers). */
function validateCreate(draft: DraftObject): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['eventTime', 'reportingController', 'reportingInstance', 'action', 'reason', 'type'])
    if ((draft[field] ?? '') === '') errors.push(required(field));
  for (const field of DEPRECATED) if (draft[field] !== undefined && draft[field] !== 0) errors.push(forbidden(field, 'needs to be unset'));
  return errors;
}
