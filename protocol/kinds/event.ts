import type { DraftObject, KubeObject } from '../objects.ts';
import { integer, object, string, time } from '../schema/build.ts';
import type { KubeEvent } from '../types.ts';
import { ageSince } from '../values/duration.ts';
import { invalid } from '../schema/field-errors.ts';
import { column, nameColumn, wideColumn } from './columns.ts';
import type { FieldError, KindDefinition } from './kind.ts';
import { objectMetaSchema } from './metadata.ts';
import { objectReferenceSchema } from './stored/references.ts';
import { typeMetaFields } from './type-meta.ts';

const MAX_MESSAGE = 1_024;

export const eventSourceSchema = object('EventSource', 'Who says so.', { component: string('Part of the system.'), host: string('Node.') });
export const eventSeriesSchema = object('EventSeries', 'Repeats.', { count: integer('How many.'), lastObservedTime: time('The last.') });

/** Events are facts, not desired state: a daemon tells those of its node, and those that clients write to it, for an hour. */
export const eventKind: KindDefinition = {
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  namespaced: true,
  categories: [],
  verbs: ['create', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: [],
  schema: object(
    'Event',
    'Something that happened to an object.',
    {
      ...typeMetaFields,
      metadata: objectMetaSchema,
      involvedObject: objectReferenceSchema,
      reason: string('Why, in one word for programs.'),
      message: string('What happened, for people.'),
      source: eventSourceSchema,
      firstTimestamp: time('When it happened first.'),
      lastTimestamp: time('When it happened last.'),
      count: integer('How often it happened.'),
      type: string('Normal or Warning.'),
      eventTime: time('When it happened first, to the microsecond.'),
      series: eventSeriesSchema,
      action: string('What was done.'),
      related: objectReferenceSchema,
      reportingComponent: string('Part of the system that reports it.'),
      reportingInstance: string('Which instance of that part.'),
    },
    { required: ['involvedObject'] },
  ),
  mergeUnits: { members: [] },
  validate,
  columns: [
    column('Last Seen', 'Time since it happened last.', (object, now) => lastSeen(object, now)),
    column('Type', 'Normal or Warning.', (object) => event(object).type ?? ''),
    column('Reason', 'Why, in one word.', (object) => event(object).reason ?? ''),
    column('Object', 'What it happened to.', (object) => {
      const { kind = '', name = '' } = event(object).involvedObject ?? {};
      return kind === '' ? name : `${kind.toLowerCase()}/${name}`;
    }),
    wideColumn('Subobject', 'Part of the object.', (object) => event(object).involvedObject?.fieldPath ?? ''),
    wideColumn('Source', 'Who says so.', (object) => {
      const { component = '', host = '' } = event(object).source ?? {};
      return [component, host].filter((part) => part !== '').join(', ');
    }),
    column('Message', 'What happened.', (object) => (event(object).message ?? '').trim()),
    wideColumn('First Seen', 'Time since it happened first.', (object, now) => firstSeen(object, now)),
    wideColumn('Count', 'How often it happened.', (object) => String(event(object).count ?? 1)),
    { ...nameColumn, priority: 1 },
  ],
};

/** Upstream's rules for core/v1 (legacyValidateEvent), and its bound of a message. */
function validate(draft: DraftObject): FieldError[] {
  const { involvedObject, message = '' } = draft as DraftObject & LooseEvent;
  const errors: FieldError[] = [];
  const { namespace = '' } = involvedObject ?? {};
  // What is in no namespace is told of in the default one.
  if ((namespace === '' ? 'default' : namespace) !== (draft.metadata.namespace ?? 'default'))
    errors.push(invalid('involvedObject.namespace', namespace, 'does not match event.namespace'));
  if (message.length > MAX_MESSAGE) errors.push(invalid('message', '', `can have at most ${MAX_MESSAGE} characters`));
  return errors;
}

type LooseEvent = Partial<KubeEvent> & { eventTime?: string; series?: { lastObservedTime?: string } };

function event(object: KubeObject): LooseEvent {
  return object;
}

function firstSeen(object: KubeObject, now: number): string {
  return ageSince(event(object).firstTimestamp ?? event(object).eventTime, now);
}

function lastSeen(object: KubeObject, now: number): string {
  const { series, lastTimestamp = series?.lastObservedTime } = event(object);
  return lastTimestamp === undefined ? firstSeen(object, now) : ageSince(lastTimestamp, now);
}
