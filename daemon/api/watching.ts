import { KithError } from '../../protocol/errors.ts';
import { groupResourceOf } from '../../protocol/kinds/kind.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import { sleep } from '../ports/clock.ts';
import type { HttpResponse } from '../ports/http.ts';
import type { ObjectEvent } from '../ports/objects.ts';
import { negotiate } from './accept.ts';
import type { ApiDeps, ResourceCall } from './deps.ts';
import { booleanParameter, integerParameter } from './parameters.ts';
import { expired, versionIsKnown } from './reading.ts';
import { includeObjectParameter, Renderer } from './render.ts';
import { Selection } from './selection.ts';
import { ApiError, invalid } from './status.ts';
import { startPause } from './timing.ts';

/** A watch ends after so long when the client names no time; the half of it on top is drawn, so that not all come back at once. As upstream. */
const DEFAULT_WATCH_SECONDS = 30 * 60;
const MAX_WATCH_SECONDS = 24 * 60 * 60;
const BOOKMARK_EVERY_MS = 60_000;
const INITIAL_EVENTS_END = { 'k8s.io/initial-events-end': 'true' };

interface WatchPlan {
  /** Sent first, as ADDED, and then forgotten. */
  initial: readonly KubeObject[];
  /** A bookmark says where the initial events end. */
  markInitialEnd: boolean;
  bookmarks: boolean;
  /** Of the state the initial events show. */
  version: string;
  events: AsyncIterator<ObjectEvent>;
  renderer: Renderer;
  selection: Selection;
  timeoutMs: number;
}

/** WATCH: an open answer of JSON lines. */
export function watchObjects(call: ResourceCall, deps: ApiDeps): HttpResponse {
  const stop = new AbortController();
  const signal = AbortSignal.any([call.request.signal, stop.signal]);
  const plan = planWatch(call, deps, signal);
  return { status: 200, headers: { 'content-type': 'application/json' }, body: watchLines(plan, deps, signal, stop) };
}

function planWatch(call: ResourceCall, deps: ApiDeps, signal: AbortSignal): WatchPlan {
  const { query, headers } = call.request;
  const representation = negotiate(headers['accept'], ['object', 'Table', 'PartialObjectMetadata', 'PartialObjectMetadataList']);
  const renderer = new Renderer(call.kind, representation, includeObjectParameter(query), () => deps.clock.now());
  const selection = new Selection(call, query);
  const bookmarks = booleanParameter(query, 'allowWatchBookmarks');
  const resource = groupResourceOf(call.kind);
  const wanted = query.get('resourceVersion') ?? '';
  const sendInitial = sendInitialEvents(query, bookmarks);
  const timeoutMs = watchTimeoutMs(query, deps);
  const anyState = wanted === '' || wanted === '0';
  if (sendInitial === true && !anyState && !versionIsKnown(resource, wanted, deps)) throw expired(wanted);

  const withInitial = sendInitial ?? anyState;
  // Who goes on from a version is shown no list, and to make one costs with the objects that there are. Nothing else runs between these lines: the list and the watch fit together.
  const listed = withInitial || anyState ? deps.objects.list(resource, call.namespace) : undefined;
  const version = listed?.resourceVersion ?? wanted;
  const initial = withInitial ? (listed?.items.filter((item) => selection.matches(item)) ?? []) : [];
  const events = openWatch(resource, version, deps, signal);
  return { initial, markInitialEnd: sendInitial === true, bookmarks, version, events, renderer, selection, timeoutMs };
}

function openWatch(resource: string, version: string, deps: ApiDeps, signal: AbortSignal): AsyncIterator<ObjectEvent> {
  try {
    return deps.objects.watch(resource, version, signal)[Symbol.asyncIterator]();
  } catch (error) {
    if (error instanceof KithError && error.code === 'Expired') throw expired(version, error);
    if (error instanceof KithError && error.code === 'TooManyRequests') throw new ApiError('TooManyRequests', error.message);
    throw error;
  }
}

/** Rules of k8s.io/apimachinery/pkg/apis/meta/internalversion/validation. */
function sendInitialEvents(query: URLSearchParams, bookmarks: boolean): boolean | undefined {
  const match = query.get('resourceVersionMatch') ?? '';
  const listOptions = { group: 'meta.k8s.io', kind: 'ListOptions' };
  const refuse = (field: string, message: string): ApiError =>
    invalid(listOptions, '', [{ field, reason: 'FieldValueForbidden', message: `Forbidden: ${message}` }]);
  if (!query.has('sendInitialEvents')) {
    if (match !== '')
      throw refuse('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
    return undefined;
  }
  if (match !== 'NotOlderThan') {
    throw refuse('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  const wanted = booleanParameter(query, 'sendInitialEvents');
  if (wanted && !bookmarks) throw refuse('sendInitialEvents', 'sendInitialEvents requires setting allowWatchBookmarks to true');
  return wanted;
}

function watchTimeoutMs(query: URLSearchParams, deps: ApiDeps): number {
  const seconds = integerParameter(query, 'timeoutSeconds');
  if (seconds !== undefined && seconds > 0) return Math.min(seconds, MAX_WATCH_SECONDS) * 1000;
  return DEFAULT_WATCH_SECONDS * (1 + deps.random.next() / 2) * 1000;
}

async function* watchLines(plan: WatchPlan, deps: ApiDeps, signal: AbortSignal, stop: AbortController): AsyncGenerator<string> {
  const { renderer, selection, events } = plan;
  const cancelTimeout = deps.clock.after(plan.timeoutMs, () => stop.abort());
  const eventLine = (type: string, text: string): string => `{"type":"${type}","object":${text}}\n`;
  const line = (type: string, object: unknown): string => eventLine(type, JSON.stringify(object));
  try {
    for (const object of plan.initial) yield eventLine('ADDED', renderer.eventText(object));
    plan.initial = [];
    if (plan.markInitialEnd) yield line('BOOKMARK', renderer.bookmark(plan.version, INITIAL_EVENTS_END));
    const steps = plan.bookmarks ? withBookmarks(events, deps, signal) : withoutBookmarks(events);
    for await (const step of steps) {
      if (step.type === 'BOOKMARK') {
        yield line('BOOKMARK', renderer.bookmark(step.version));
        continue;
      }
      const shown = translate(step.event, selection);
      if (shown !== undefined) yield eventLine(shown.type, renderer.eventText(shown.object));
    }
  } catch (error) {
    if (!(error instanceof KithError) || error.code !== 'Expired') throw error;
    yield line('ERROR', expired('of this watch, which was read too slowly,', error).toStatus());
  } finally {
    cancelTimeout();
    stop.abort();
  }
}

type WatchStep = { type: 'EVENT'; event: ObjectEvent } | { type: 'BOOKMARK'; version: string };

async function* withoutBookmarks(events: AsyncIterator<ObjectEvent>): AsyncGenerator<WatchStep> {
  for (let next = await events.next(); next.done !== true; next = await events.next()) yield { type: 'EVENT', event: next.value };
}

/**
 * Adds bookmarks while nothing happens. A bookmark promises that every event up to its version was sent; so its version is taken first, and then it is
 * seen whether an event was on its way.
 */
async function* withBookmarks(events: AsyncIterator<ObjectEvent>, deps: ApiDeps, signal: AbortSignal): AsyncGenerator<WatchStep> {
  for (;;) {
    let settled = false;
    const next = events.next().finally(() => (settled = true));
    // A failure is taken up below, whenever that is.
    next.catch(() => undefined);
    while (!settled) {
      const pause = startPause(deps.clock, BOOKMARK_EVERY_MS);
      await Promise.race([next.catch(() => undefined), pause.over]);
      pause.end();
      if (settled || signal.aborted) break;
      const version = deps.objects.resourceVersion();
      await sleep(deps.clock, 0, signal);
      if (!settled) yield { type: 'BOOKMARK', version };
    }
    const result = await next;
    if (result.done === true) return;
    yield { type: 'EVENT', event: result.value };
  }
}

/** An object that starts or stops to match is added or deleted for this watcher. As upstream: what stops to match is shown as it last matched, with the new version. */
function translate(event: ObjectEvent, selection: Selection): { type: string; object: KubeObject } | undefined {
  const now = event.type !== 'DELETED' && selection.matches(event.object);
  const before = event.before !== undefined && selection.matches(event.before);
  if (now) return { type: before ? 'MODIFIED' : 'ADDED', object: event.object };
  if (!before || event.before === undefined) return undefined;
  const { resourceVersion } = event.object.metadata;
  return { type: 'DELETED', object: { ...event.before, metadata: { ...event.before.metadata, resourceVersion } } };
}
