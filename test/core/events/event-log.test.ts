import { describe, expect, it } from 'vitest';
import { EventLog } from '../../../daemon/core/events/event-log.ts';
import type { EventChanges } from '../../../daemon/core/events/kept-events.ts';
import { EVENT_LIMITS } from '../../../daemon/core/events/limits.ts';
import type { EventDraft, Now } from '../../../daemon/core/decisions.ts';
import type { KubeEvent } from '../../../protocol/types.ts';

function draft(name: string, message = 'Stopping container main'): EventDraft {
  const metadata = { name, namespace: 'default', uid: `uid-${name}`, creationTimestamp: '2026-01-01T00:00:00Z' };
  return { about: { apiVersion: 'v1', kind: 'Pod', metadata }, type: 'Normal', reason: 'Killing', message, component: 'kubelet' };
}

function at(ms: number): Now {
  return { wall: Date.UTC(2026, 0, 1) + ms, monotonic: ms };
}

function only(changes: EventChanges): KubeEvent {
  expect([...changes.values()]).toHaveLength(1);
  return [...changes.values()][0]!.event;
}

describe('Events', () => {
  it('that repeat raise the count of the same Event', () => {
    const log = new EventLog('node-1');
    const first = only(log.record(draft('web'), at(0)));
    const second = only(log.record(draft('web'), at(5_000)));
    expect(second).toMatchObject({ count: 2, firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:00:05Z' });
    expect(second.metadata).toEqual(first.metadata);
    expect(first.metadata.name).toMatch(/^web\.[0-9a-f]{27}$/);
    expect(log.size).toBe(1);
  });

  it('of another message, object or node are other Events', () => {
    const log = new EventLog('node-1');
    const names = [
      only(log.record(draft('web'), at(0))),
      only(log.record(draft('web', 'Stopping container other'), at(0))),
      only(log.record(draft('other'), at(0))),
      only(new EventLog('node-2').record(draft('web'), at(0))),
    ].map((event) => event.metadata.name);
    expect(new Set(names).size).toBe(4);
  });

  it('are listed in the order in which they came first, as clients list them by name', () => {
    const log = new EventLog('node-1');
    const messages = Array.from({ length: 12 }, (_, index) => `message ${index}`);
    // Several in one millisecond; the first comes again in the end.
    const names = messages.map((message, index) => only(log.record(draft('web', message), at(Math.floor(index / 3)))).metadata.name);
    expect([...names].sort()).toEqual(names);
    expect(only(log.record(draft('web', messages[0]), at(9_000))).metadata.name).toBe(names[0]);
    // One whose time is over is told anew, under another name.
    expect(log.expire(at(10_000_000)).size).toBe(messages.length);
    const again = only(log.record(draft('web', messages[0]), at(10_000_000)));
    expect(again.count).toBe(1);
    expect(again.metadata.name > names.at(-1)!).toBe(true);
  });

  it('that several nodes tell alike have one name, without a time', () => {
    const shared = { ...draft('web'), shared: true } as const;
    const names = [1, 2].map((node) => only(new EventLog(`node-${node}`).record(shared, at(node * 1_000))).metadata.name);
    expect(names[0]).toMatch(/^web\.[0-9a-f]{16}$/);
    expect(names[1]).toBe(names[0]);
  });

  it('of objects with the longest names have names that may be', () => {
    const { name } = only(new EventLog('node-1').record(draft('a'.repeat(253)), at(0))).metadata;
    expect(name.length).toBe(253);
  });

  it('go on counting after a restart', () => {
    const first = only(new EventLog('node-1').record(draft('web'), at(0)));
    const log = new EventLog('node-1');
    log.restore([{ kind: 'event', event: first }], at(10_000));
    expect(only(log.record(draft('web'), at(10_000))).count).toBe(2);
  });

  it('are bounded in number: the oldest goes', () => {
    const log = new EventLog('node-1');
    const [oldest] = log.record(draft('web-0'), at(0)).keys();
    for (let index = 1; index < EVENT_LIMITS.kept; index += 1) log.record(draft(`web-${index}`), at(index));
    const changes = log.record(draft('one-more'), at(1_000));
    expect(changes.get(oldest!)).toBeNull();
    expect(log.size).toBe(EVENT_LIMITS.kept);
  });

  it('of one object are bounded in rate, and the allowance refills', () => {
    const log = new EventLog('node-1');
    const told = Array.from({ length: 100 }, (_, index) => log.record(draft('web', `message ${index}`), at(index)).size);
    expect(told.filter((size) => size > 0)).toHaveLength(EVENT_LIMITS.burst);
    expect(log.record(draft('web'), at(EVENT_LIMITS.refillMs + 1_000)).size).toBe(1);
    expect(log.record(draft('other'), at(100)).size).toBe(1);
  });

  it('are dropped an hour after their last repeat', () => {
    const log = new EventLog('node-1');
    const [key] = log.record(draft('web'), at(0)).keys();
    log.record(draft('web'), at(1_000_000));
    expect(log.expire(at(4_000_000)).size).toBe(0);
    expect(log.expire(at(4_600_001)).get(key!)).toBeNull();
    expect(log.size).toBe(0);
  });
});
