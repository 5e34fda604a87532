import { expect, it } from 'vitest';
import { oldestFirst } from '../../cli/commands/describe.ts';
import type { KubeEvent } from '../../protocol/types.ts';

function event(lastTimestamp: string, resourceVersion: string): KubeEvent {
  return { metadata: { name: resourceVersion, resourceVersion }, lastTimestamp } as KubeEvent;
}

it('orders events by time, and those of one second by arrival', () => {
  const events = [event('2026-01-01T00:00:02Z', '1'), event('2026-01-01T00:00:01Z', '100'), event('2026-01-01T00:00:01Z', '99')];
  expect(events.sort(oldestFirst).map(({ metadata }) => metadata.name)).toEqual(['99', '100', '1']);
});
