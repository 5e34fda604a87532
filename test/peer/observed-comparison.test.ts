import { expect, it } from 'vitest';
import { MAX_GREETED, ObservedComparison } from '../../daemon/peer/observed-comparison.ts';
import { ObservedTable } from '../../daemon/peer/observed-table.ts';
import { encodeObservedAnswer } from '../../protocol/wire-observed.ts';
import { MemoryNetwork } from '../support/memory-transport.ts';
import { silentLog } from '../support/silent-log.ts';
import { seededRandom, VirtualClock } from '../support/virtual-clock.ts';

it('compares at once with a bounded number of those that connect together, and with others in later rounds', async () => {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const network = new MemoryNetwork({ clock, random });
  const names = Array.from({ length: 2 * MAX_GREETED }, (_, index) => `peer${index}`);
  const asked: string[] = [];
  const members = [...names, 'self'].map((peer) => ({ peer, addresses: [] }));
  for (const name of names) {
    const other = network.transport(name);
    other.serve('observed', async () => {
      asked.push(name);
      return encodeObservedAnswer({ type: 'versions', versions: [] });
    });
    other.setMembers(members);
    await other.start();
  }
  const transport = network.transport('self');
  transport.setMembers(members);
  const table = new ObservedTable();
  const comparison = new ObservedComparison(
    { transport, clock, random, log: silentLog },
    { table, take: () => 0, beforeRound: () => undefined },
  );
  comparison.start();
  await transport.start();
  await clock.pass(100);
  expect(asked).toHaveLength(MAX_GREETED);
  await clock.pass(10_000);
  expect(asked.length).toBeGreaterThan(MAX_GREETED);
  // What connects after a round is greeted again.
  const before = asked.length;
  transport.reconnect('peer0');
  await clock.pass(50);
  expect(asked.slice(before)).toContain('peer0');
  comparison.stop();
});
