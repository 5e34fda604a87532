import { describe, expect, it } from 'vitest';
import type { DocumentSize, SizesAnswer } from '../../protocol/answers.ts';
import type { KubeObject } from '../../protocol/objects.ts';
import { HISTORY_LIMITS } from '../../daemon/peer/replica/histories.ts';
import { realPeers } from '../support/real-peers.ts';
import { waitFor } from '../support/wait.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const DIARY = `${CONFIG_MAPS}/diary`;
/** Far too many, so that it need not rest to be cut. */
const WRITES = HISTORY_LIMITS.changes * HISTORY_LIMITS.restlessTimes + 40;
const WRITERS = 8;

const peers = realPeers(2, 'diary');
const { cluster } = peers;

async function write(index: number, data: Record<string, string>): Promise<void> {
  await cluster.peer(index).client.call({ method: 'PATCH', path: DIARY, body: { data }, contentType: 'application/merge-patch+json' });
}

async function dataAt(index: number): Promise<Record<string, string>> {
  return (await cluster.peer(index).client.get<KubeObject & { data: Record<string, string> }>(DIARY)).data;
}

async function sizeAt(index: number): Promise<DocumentSize | undefined> {
  const { longest } = await cluster.peer(index).client.get<SizesAnswer>('/kith.dev/v1/sizes');
  return longest.find(({ key }) => key === 'configmaps/default/diary');
}

/** Until both peers show it, whichever wrote it. */
async function waitBoth(expected: Record<string, string>): Promise<void> {
  for (const index of [0, 1])
    await waitFor(
      `${cluster.peer(index).node} has ${JSON.stringify(expected)}`,
      async () => {
        const data = await dataAt(index);
        return Object.entries(expected).every(([name, value]) => data[name] === value);
      },
      { everyMs: 100 },
    );
}

async function waitCut(): Promise<void> {
  for (const index of [0, 1])
    await waitFor(
      `the history at ${cluster.peer(index).node} is cut`,
      async () => {
        const size = await sizeAt(index);
        // It may be among those with the longest histories no more.
        return size === undefined || (size.cuts > 0 && size.changes <= HISTORY_LIMITS.changes);
      },
      { everyMs: 100 },
    );
}

describe('an object that is changed again and again', () => {
  it('keeps a short history while both peers write to it, and every last word', async () => {
    await peers.apply(0, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'diary' }, data: { begun: 'yes' } });
    await waitBoth({ begun: 'yes' });
    let next = 0;
    const writer = async (number: number): Promise<void> => {
      while (next < WRITES) await write(number % 2, { [`writer-${number}`]: String((next += 1)) });
      await write(number % 2, { [`writer-${number}`]: 'done' });
    };
    await Promise.all(Array.from({ length: WRITERS }, async (_, number) => writer(number)));
    await waitBoth(Object.fromEntries(Array.from({ length: WRITERS }, (_, number) => [`writer-${number}`, 'done'])));
    await waitCut();
    const { bytes } = (await sizeAt(0)) ?? { bytes: 0 };
    expect(bytes).toBeLessThan(HISTORY_LIMITS.bytes);
  });

  it('takes what a peer wrote that was away, and that peer what the others wrote', async () => {
    await cluster.killDaemon(1);
    for (let word = 1; word <= 20; word += 1) await write(0, { 'of-0': `word ${word}` });
    await cluster.stop(0);
    await cluster.start(1);
    await write(1, { 'of-1': 'late' });
    await cluster.start(0);
    await waitBoth({ begun: 'yes', 'of-0': 'word 20', 'of-1': 'late', 'writer-0': 'done' });
  });
});
