import { expect, it } from 'vitest';
import { MEMBERS } from '../../../daemon/core/cluster/membership.ts';
import { GRAVE_IN_FLIGHT_MS, GraveLedger, MAX_MEMBER_GRAVES } from '../../../daemon/peer/replica/graves.ts';
import type { Entry } from '../../../daemon/peer/replica/object-index.ts';

const grave = (key: string, second: number): Entry => {
  const at = new Date(second * 1_000).toISOString();
  return { key, life: 0, buried: 1, heads: [], grave: { at, settled: true } };
};

it('forgets a grave when its time is over, but keeps those of the members that were removed last', () => {
  const members = Array.from({ length: MAX_MEMBER_GRAVES + 2 }, (_, index) =>
    grave(`${MEMBERS}//peer-${index}`, MAX_MEMBER_GRAVES - index),
  );
  const entries = [...members, grave('pods/default/web', 0)];
  const ledger = new GraveLedger();
  expect(ledger.toForget(entries, 0)).toEqual([]);
  const forgotten = ledger.toForget(entries, GRAVE_IN_FLIGHT_MS).map(({ key }) => key);
  expect(forgotten.sort()).toEqual(['pods/default/web', ...members.slice(-2).map(({ key }) => key)].sort());
});

it('waits as long as it is told', () => {
  const ledger = new GraveLedger({ inFlightMs: 5, intervals: 1 });
  const entries = [grave('pods/default/web', 0)];
  expect(ledger.toForget(entries, 0)).toEqual([]);
  expect(ledger.toForget(entries, 4)).toEqual([]);
  expect(ledger.toForget(entries, 5)).toEqual(entries);
});

it('waits as long for the grave of a key that was used and buried again meanwhile', () => {
  const ledger = new GraveLedger({ inFlightMs: 5, intervals: 1 });
  const first = grave('pods/default/web', 0);
  expect(ledger.toForget([first], 0)).toEqual([]);
  const second = { ...first, buried: 2 };
  expect(ledger.toForget([second], 6)).toEqual([]);
  expect(ledger.toForget([second], 11)).toEqual([second]);
});
