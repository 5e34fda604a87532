import { describe, expect, it } from 'vitest';
import { EventRecorder } from '../../daemon/peer/events.ts';
import { EventWriter } from '../../daemon/peer/event-writer.ts';
import { ObservedEvents } from '../../daemon/peer/observed-events.ts';
import type { DesiredWriter } from '../../daemon/ports/objects.ts';
import type { StoredObject } from '../../protocol/objects.ts';
import type { ObservedValue } from '../../protocol/observed.ts';
import { AgentClock } from '../support/agent-clock.ts';
import { MemoryObserved } from '../support/agent-world.ts';

const KEY = 'events/default/a';
const nothing: DesiredWriter = { read: () => undefined, buriedLife: () => 0, write: async () => ({ objects: [], warnings: [] }) };

/** Two members that hear all of each other's facts at once. */
function members(): { writers: EventWriter[]; shown: ObservedEvents[] } {
  const shown = [new ObservedEvents(), new ObservedEvents()];
  const writers = ['peer-1', 'peer-2'].map((peer, index) => {
    const observed = new MemoryObserved();
    const publish = (key: string, value: ObservedValue | null): void => {
      for (const each of shown) each.apply([{ owner: peer, key, value }]);
    };
    const events = new EventRecorder({ observed: Object.assign(observed, { publish }), clock: new AgentClock() }, { peer, node: peer });
    return new EventWriter({ desired: nothing, events, shown: shown[index]!, objects: { changed: () => undefined }, self: peer });
  });
  return { writers, shown };
}

function event(message: string): StoredObject {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'a', namespace: 'default', uid: '' },
    involvedObject: { name: 'web' },
    message,
  } as unknown as StoredObject;
}

describe('an Event that a client writes', () => {
  it('is no desired state, and can be changed at another member: the latest edit is shown everywhere', async () => {
    const { writers, shown } = members();
    const [first, second] = writers as [EventWriter, EventWriter];
    const { objects } = await first.write([{ type: 'create', key: KEY, object: event('one') }]);
    expect(objects[0]?.object).toMatchObject({ message: 'one', metadata: { uid: expect.stringMatching(/-/) as string } });
    await expect(second.write([{ type: 'create', key: KEY, object: event('two') }])).rejects.toMatchObject({ code: 'AlreadyExists' });
    for (const [writer, message] of [
      [second, 'two'],
      [first, 'three'],
      [second, 'four'],
    ] as const) {
      const base = writer.read(KEY)!;
      await writer.write([{ type: 'update', key: KEY, uid: base.uid, base: base.object, next: event(message) }]);
      expect(shown.map((each) => each.get(KEY)?.['message'])).toEqual([message, message]);
    }
  });

  it('takes no word out of a node’s mouth', async () => {
    const { writers, shown } = members();
    const told = event('of the node') as never;
    for (const each of shown) each.apply([{ owner: 'peer-1', key: 'event/default/a', value: { kind: 'event', event: told } }]);
    const base = event('of the node');
    await expect(writers[1]!.write([{ type: 'update', key: KEY, uid: '', base, next: event('other') }])).rejects.toThrow(
      'the word of a node',
    );
    expect(shown[0]!.get(KEY)?.['message']).toBe('of the node');
  });
});
