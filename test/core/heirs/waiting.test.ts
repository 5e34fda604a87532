import { describe, expect, it } from 'vitest';
import { HEIR_SETTINGS, planClaims } from '../../../daemon/core/heirs/claims.ts';
import type { Decision } from '../../../daemon/core/decisions.ts';
import { asSeenBy, orphansOf, running, wakes, writes } from '../../support/heirs.ts';

describe('before they claim, heirs', () => {
  it('give a node time to refute a death that a minority declared', () => {
    const world = running(5, 5);
    const [view] = asSeenBy(world, ['node-2'], []);
    view!.setMember('node-1', 'dead', 1, [1, 5]);
    const plan = (): Decision[] => planClaims(view!.state, orphansOf(view!, 'node-1'), view!.now);
    const declaredAt = view!.elapsed;
    expect(writes(plan())).toEqual([]);
    expect(Math.min(...wakes(plan()))).toBeGreaterThanOrEqual(declaredAt + HEIR_SETTINGS.newsSettleMs);
    view!.elapsed += HEIR_SETTINGS.newsSettleMs + HEIR_SETTINGS.ranks * HEIR_SETTINGS.escalationMs;
    expect(writes(plan()).length).toBe(orphansOf(view!, 'node-1').length);
  });

  it('give a node a moment to refute a death that they take on the word of others, and none to one that they observe', () => {
    const world = running(5, 5);
    const [view] = asSeenBy(world, ['node-2'], []);
    view!.setMember('node-1', 'dead', 1, [4, 5]);
    const plan = (): Decision[] => planClaims(view!.state, orphansOf(view!, 'node-1'), view!.now);
    const turns = (): number[] => wakes(plan()).map((at) => at - view!.elapsed);
    const doubts = (): Decision[] => plan().filter((decision) => decision.do === 'doubt');
    const observed = turns();
    expect(doubts()).toEqual([]);
    const states = view!.state.members().map((member) => ({ ...member, ...(member.state === 'dead' ? { hearsay: true as const } : {}) }));
    view!.state.applyLiveness(states, view!.state.leader, view!.elapsed);
    const told = turns();
    expect(doubts()).toContainEqual({ do: 'doubt', peer: view!.state.memberOfNode('node-1')?.peer });
    expect(told.length).toBe(orphansOf(view!, 'node-1').length);
    expect(Math.min(...told) % HEIR_SETTINGS.escalationMs).toBe(HEIR_SETTINGS.hearsayMs);
    expect(observed.every((ms) => ms % HEIR_SETTINGS.escalationMs === 0)).toBe(true);
    view!.elapsed += HEIR_SETTINGS.hearsayMs + HEIR_SETTINGS.ranks * HEIR_SETTINGS.escalationMs;
    expect(writes(planClaims(view!.state, orphansOf(view!, 'node-1'), view!.now))).toHaveLength(told.length);
  });

  it('ask one who has just come back first: it may have claimed before it went', () => {
    const [view] = asSeenBy(running(3, 3), ['node-2'], ['node-1']);
    const plan = (): Decision[] => planClaims(view!.state, orphansOf(view!, 'node-1'), view!.now);
    view!.elapsed += HEIR_SETTINGS.ranks * HEIR_SETTINGS.escalationMs - 1;
    expect(writes(plan())).toHaveLength(1);
    const { peer } = view!.state.memberOfNode('node-3')!;
    view!.setMember('node-3', 'alive', 2);
    const since = view!.elapsed;
    expect(writes(plan())).toEqual([]);
    expect(plan()).toContainEqual({ do: 'compare', peer, since });
    expect(wakes(plan())).toHaveLength(1);
    view!.comparedAt.set(peer, since);
    expect(writes(plan())).toHaveLength(1);
    view!.setMember('node-3', 'alive', 3);
    view!.comparedAt.set(peer, since - 1);
    expect(writes(plan())).toEqual([]);
    // It comes back again and again.
    view!.elapsed += 1;
    view!.setMember('node-3', 'alive', 4);
    expect(writes(plan())).toHaveLength(1);
  });

  it('do not wait for what one holds that does not answer', () => {
    const [view] = asSeenBy(running(3, 3), ['node-2'], ['node-1']);
    const plan = (): Decision[] => planClaims(view!.state, orphansOf(view!, 'node-1'), view!.now);
    view!.elapsed += HEIR_SETTINGS.escalationMs;
    view!.setMember('node-3', 'alive', 2);
    view!.elapsed += HEIR_SETTINGS.newsSettleMs - 1;
    expect(writes(plan())).toEqual([]);
    view!.elapsed += 1;
    expect(writes(plan())).toHaveLength(1);
  });
});
