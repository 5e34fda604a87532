import { afterEach, describe, expect, it } from 'vitest';
import { Completion } from '../../daemon/peer/completion.ts';
import { podKey, pod } from '../support/replica-world.ts';
import { silentLog } from '../support/silent-log.ts';
import { type SyncedPeer, SyncWorld } from '../support/sync-world.ts';

const MINUTE = 60_000;
const INCOMPLETE = { incomplete: true };
const stopping = new AbortController();
let world: SyncWorld;
const completions: Completion[] = [];
afterEach(async () => {
  for (const completion of completions.splice(0)) completion.stop();
  await world.stop();
});

/** Answers whether it has become complete. */
function complete({ transport, antiEntropy }: SyncedPeer): () => boolean {
  const members = (): string[] => world.peers.map(({ name }) => name);
  const completion = new Completion({ transport, antiEntropy, members, clock: world.clock, log: silentLog });
  completions.push(completion);
  let done = false;
  completion.start(stopping.signal, async () => {
    antiEntropy.setComplete();
    done = true;
  });
  return () => done;
}

describe('a peer that has not the whole state', () => {
  it('takes it from a member that has', async () => {
    world = new SyncWorld();
    const [founder, joiner] = [await world.add('founder'), await world.add('joiner', INCOMPLETE)];
    await founder.replica.write([{ type: 'create', key: podKey('web'), object: pod('web') }]);
    const isComplete = complete(joiner);
    expect(await world.clock.pass(MINUTE, isComplete)).toBe(true);
    expect(joiner.replica.get(podKey('web'))).toBeDefined();
  });

  it('does not take what another that waits for it holds for the whole', async () => {
    world = new SyncWorld();
    const [founder, first, second] = [
      await world.add('founder'),
      await world.add('first', INCOMPLETE),
      await world.add('second', INCOMPLETE),
    ];
    world.network.partition(['founder'], ['first', 'second']);
    await founder.replica.write([{ type: 'create', key: podKey('web'), object: pod('web') }]);
    const isComplete = [complete(first), complete(second)];
    await world.clock.pass(MINUTE);
    expect(isComplete.map((each) => each())).toEqual([false, false]);
    world.network.healAll();
    expect(await world.clock.pass(MINUTE, () => isComplete.every((each) => each()))).toBe(true);
    expect(second.replica.get(podKey('web'))).toBeDefined();
  });

  it('does not wait for members that do not answer, when another one has it', async () => {
    world = new SyncWorld();
    const { clock } = world;
    const asked: string[] = [];
    const hanging = async (signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
    const syncWith = async (peer: string, signal: AbortSignal): Promise<boolean> => {
      asked.push(peer);
      return peer === 'founder' ? true : hanging(signal);
    };
    const peers = ['starts', 'hangs', 'founder'];
    const transport = { self: 'joiner', connected: () => peers };
    const completion = new Completion({ transport, antiEntropy: { syncWith }, members: () => peers, clock, log: silentLog });
    completions.push(completion);
    let done = 0;
    completion.start(stopping.signal, async () => void (done += 1));
    expect(await clock.pass(2_000, () => done === 1)).toBe(true);
    await clock.pass(120_000);
    expect([done, asked]).toEqual([1, peers]);
  });

  it('is told again that it has it when that could not be written down', async () => {
    world = new SyncWorld();
    const { clock } = world;
    const transport = { self: 'joiner', connected: () => ['founder'] };
    const antiEntropy = { syncWith: async () => true };
    const completion = new Completion({ transport, antiEntropy, members: () => ['founder'], clock, log: silentLog });
    completions.push(completion);
    let times = 0;
    completion.start(stopping.signal, async () => {
      times += 1;
      if (times < 3) throw new Error('no space');
    });
    await clock.pass(10_000);
    expect(times).toBe(3);
  });

  it('has it once it holds what all the others hold, though none of them has it either', async () => {
    world = new SyncWorld();
    const peers = [await world.add('a', INCOMPLETE), await world.add('b', INCOMPLETE), await world.add('c', INCOMPLETE)];
    for (const { name, replica } of peers) await replica.write([{ type: 'create', key: podKey(name), object: pod(name) }]);
    const isComplete = peers.map(complete);
    expect(await world.clock.pass(MINUTE, () => isComplete.every((each) => each()))).toBe(true);
    for (const { replica } of peers) expect([...replica.all()]).toHaveLength(3);
  });
});
