import { beforeEach, describe, expect, it } from 'vitest';
import { Hearing, type HearingView } from '../../daemon/peer/hearing.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** A view of three members, of which node-1 is this peer. */
function viewOf(names: readonly string[]) {
  const [dead, reported, compared] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const view: HearingView = {
    self: { peer: 'peer-node-1', node: 'node-1' },
    members: () =>
      names.map((nodeName) => ({ peer: `peer-${nodeName}`, state: dead.has(nodeName) ? 'dead' : 'alive', spec: { nodeName } as const })),
    nodeReport: (node) => (reported.has(node) ? { kind: 'node', version: '0', status: {} } : undefined),
    comparedAt: (peer) => (compared.has(peer) ? 1 : undefined),
  };
  return { view, dead, reported, compared };
}

describe('a peer that has just started', () => {
  let clock: VirtualClock;
  let world: ReturnType<typeof viewOf>;
  let hearing: Hearing;
  beforeEach(() => {
    clock = new VirtualClock();
    world = viewOf(['node-1', 'node-2', 'node-3']);
    hearing = new Hearing({ view: world.view, clock });
    hearing.start();
  });

  it('answers when it has heard every node that lives, and compared with one', async () => {
    hearing.listens();
    for (const node of ['node-2', 'node-3']) world.reported.add(node);
    await clock.pass(500);
    expect(hearing.over()).toBeDefined();
    expect(hearing.unheard()).toEqual(['node-2', 'node-3']);
    world.compared.add('peer-node-2');
    await clock.pass(100);
    expect(hearing.over()).toBeUndefined();
  });

  it('does not wait for the dead, and for nobody longer than whoever lives needs', async () => {
    hearing.listens();
    world.compared.add('peer-node-2');
    world.reported.add('node-2');
    await clock.pass(500);
    expect(hearing.unheard()).toEqual(['node-3']);
    world.dead.add('node-3');
    await clock.pass(100);
    expect(hearing.over()).toBeUndefined();
    const alone = new Hearing({ view: viewOf(['node-1', 'node-2']).view, clock });
    alone.start();
    alone.listens();
    await clock.pass(2_900);
    expect(alone.over()).toBeDefined();
    await clock.pass(200);
    expect(alone.over()).toBeUndefined();
  });

  it('that takes long to start does not keep whoever asks for ever', async () => {
    await clock.pass(9_900);
    expect(hearing.over()).toBeDefined();
    await clock.pass(200);
    expect(hearing.over()).toBeUndefined();
  });

  it('answers at once where there are no others', () => {
    const single = new Hearing({ view: viewOf(['node-1']).view, clock });
    single.start();
    expect(single.over()).toBeDefined();
    single.listens();
    expect(single.over()).toBeUndefined();
  });
});
