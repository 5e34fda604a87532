import { describe, expect, it } from 'vitest';
import type { Now } from '../../../daemon/core/decisions.ts';
import { ClientEvents } from '../../../daemon/core/events/client-events.ts';
import { EVENT_LIMITS } from '../../../daemon/core/events/limits.ts';
import { MAX_EVENTS_PER_OWNER } from '../../../daemon/peer/observed-table.ts';
import type { KubeEvent } from '../../../protocol/types.ts';

function at(ms: number): Now {
  return { wall: Date.UTC(2026, 0, 1) + ms, monotonic: ms };
}

/** As a client library writes it, of one pod each. */
function written(name: string, more: object = {}): KubeEvent {
  const about = { kind: 'Pod', namespace: 'default', name };
  const metadata = { name, namespace: 'default', managedFields: [] };
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata,
    involvedObject: about,
    eventTime: '2026-01-01T00:00:00.000001Z',
    ...more,
  } as unknown as KubeEvent;
}

describe('Events of clients', () => {
  it('are kept with their edit, without who owns which field', () => {
    const events = new ClientEvents();
    const [[key, report] = []] = events.write(written('a'), 1, at(0));
    expect(key).toBe('event/default/a');
    expect(report).toMatchObject({ kind: 'event', edit: 1, event: { metadata: { name: 'a' } } });
    expect(report?.event.metadata).not.toHaveProperty('managedFields');
    expect(events.write(written('a', { message: 'again' }), 2, at(1)).get('event/default/a')).toMatchObject({
      edit: 2,
      event: { message: 'again' },
    });
    expect(events.size).toBe(1);
  });

  it('are bounded in number beside those of the node, in size, and in rate', () => {
    expect(EVENT_LIMITS.kept + EVENT_LIMITS.keptOfClients).toBeLessThanOrEqual(MAX_EVENTS_PER_OWNER);
    const events = new ClientEvents();
    for (let index = 0; index < EVENT_LIMITS.keptOfClients; index += 1) events.write(written(`a${index}`), 1, at(index));
    expect(events.write(written('more'), 1, at(1_000)).get('event/default/a0')).toBeNull();
    expect(events.size).toBe(EVENT_LIMITS.keptOfClients);
    expect(() => events.write(written('large', { note: 'x'.repeat(EVENT_LIMITS.bytesOfClients) }), 1, at(0))).toThrow('bytes as JSON');
    const burst = (): void => {
      for (let index = 0; index <= EVENT_LIMITS.burst; index += 1) events.write(written('chatty'), index + 1, at(2_000));
    };
    expect(burst).toThrow('too many Events of Pod "chatty" by one component: 25 at once');
  });

  it('go an hour after they were written last, whatever time they name, also over a restart', () => {
    const events = new ClientEvents();
    const future = written('a', { lastTimestamp: '2036-01-01T00:00:00Z' });
    const report = events.write(future, 1, at(0)).get('event/default/a')!;
    expect(events.expire(at(EVENT_LIMITS.ttlMs - 1)).size).toBe(0);
    expect(events.expire(at(EVENT_LIMITS.ttlMs)).get('event/default/a')).toBeNull();
    const next = new ClientEvents();
    next.restore([report, { kind: 'event', edit: 1, event: written('b') }], at(1_000));
    expect([...next.expire(at(EVENT_LIMITS.ttlMs)).keys()]).toEqual(['event/default/b']);
    expect([...next.expire(at(EVENT_LIMITS.ttlMs + 1_000)).keys()]).toEqual(['event/default/a']);
  });
});
