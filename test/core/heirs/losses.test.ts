import { describe, expect, it } from 'vitest';
import { boundNode, isDeleting, isReady } from '../../../daemon/core/cluster/pods.ts';
import { HEIR_SETTINGS, planClaims } from '../../../daemon/core/heirs/claims.ts';
import type { OrphanMemory } from '../../../daemon/core/heirs/claims.ts';
import { COMPARING_MS, judgeEarlier, judgeOriginal, UNCOMPARED_MS } from '../../../daemon/core/heirs/heal.ts';
import { renderPod } from '../../../daemon/core/status/pod-status.ts';
import { ClusterWorld, podKey, podObject, readyStatus, worldOf } from '../../support/cluster-view.ts';
import { running } from '../../support/heirs.ts';

const RS = 'replicasets.apps/default/web';
const ROOM = { cpu: '4', memory: '8Gi', pods: '110' };
const unready = (world: ClusterWorld, node: string): void => world.reportNode(node, ROOM, 'False');
const nodesOf = (world: ClusterWorld): string[] =>
  world
    .pods()
    .map(({ object }) => object.kith?.binding?.node ?? '')
    .sort();

/** What every peer of the world would do, as each sees itself. */
function claimsOf(world: ClusterWorld, self: string): ReturnType<typeof planClaims> {
  const seen = new ClusterWorld(['node-1', 'node-2', 'node-3'].slice(0, world.state.membersKnown), self, world.desired.copy());
  seen.elapsed = world.elapsed;
  seen.learnReports(world, ['node-1', 'node-2', 'node-3']);
  seen.elapsed += HEIR_SETTINGS.unreadyMs;
  return planClaims(seen.state, seen.pods(), seen.now);
}

describe('a node that lives and says that its engine is away', () => {
  it('has no ready pods, and shows them so', () => {
    const world = running(3, 3);
    const [pod] = world.state.podsOnNode('node-2');
    expect(isReady(world.state, pod!)).toBe(true);
    unready(world, 'node-2');
    expect(isReady(world.state, pod!)).toBe(false);
    const ready = renderPod(world.state, pod!).status?.conditions?.find(({ type }) => type === 'Ready');
    expect(ready).toMatchObject({ status: 'False', reason: 'NodeNotReady' });
  });

  it('keeps its pods for a while, then heirs claim them', () => {
    const world = running(3, 3);
    unready(world, 'node-3');
    const early = planClaims(world.state, world.pods(), world.now);
    expect(early.every((each) => each.do === 'wake')).toBe(true);
    const claims = ['node-1', 'node-2', 'node-3'].map((self) => claimsOf(world, self).filter((each) => each.do === 'write').length);
    expect(claims[2]).toBe(0);
    expect(claims[0]! + claims[1]!).toBe(1);
  });

  it('is done without: its pods are replaced elsewhere and deleted, and it takes new ones when it is ready again', () => {
    const world = running(3, 3);
    unready(world, 'node-3');
    world.converge({ nodes: ['node-1', 'node-2'], quietMs: 60_000 });
    expect(world.pods().filter((pod) => isReady(world.state, pod))).toHaveLength(3);
    // Only the node itself can end its copy, once its engine is back.
    const [left] = world.state.podsOnNode('node-3');
    expect(left?.object.metadata.deletionTimestamp).toBeDefined();
    world.reportNode('node-3');
    world.converge();
    expect(nodesOf(world)).not.toContain('node-3');
    expect(world.pods()).toHaveLength(3);
    world.edit(RS, (draft) => void ((draft as unknown as { spec: { replicas: number } }).spec.replicas = 5));
    world.converge();
    expect(nodesOf(world)).toContain('node-3');
  });

  it('keeps its pods when no other node takes them: nothing is won by ending them', () => {
    const world = running(1, 2);
    const before = world.pods().map(({ uid }) => uid);
    unready(world, 'node-1');
    world.converge({ nodes: [], quietMs: 120_000 });
    expect(world.pods().map(({ uid }) => uid)).toEqual(before);
    world.reportNode('node-1');
    world.converge();
    expect(world.pods().map(({ uid }) => uid)).toEqual(before);
  });
});

it('a bare pod of a dead node that no other node takes is left as it is: its node may go on with it', () => {
  const world = worldOf(3);
  world.create(podObject('solo', { nodeSelector: { 'kubernetes.io/hostname': 'node-3' } }));
  world.bind(podKey('solo'), 'node-3');
  world.reportPod(podKey('solo'), readyStatus(world.now.wall));
  const { uid } = world.object(podKey('solo'));
  world.setMember('node-3', 'dead');
  world.converge({ nodes: ['node-1', 'node-2'], quietMs: 60_000 });
  expect(world.object(podKey('solo')).uid).toBe(uid);
  world.setMember('node-3', 'alive', 2);
  world.converge();
  expect(world.object(podKey('solo')).uid).toBe(uid);
});

it('a host that was cut off does not take itself and the first that it hears again for the majority that survived the others', () => {
  const world = running(3, 6);
  const memory: OrphanMemory = { nodes: new Map(), since: new Map() };
  const alone = new ClusterWorld(['node-1', 'node-2', 'node-3'], 'node-3', world.desired.copy());
  alone.learnReports(world, ['node-1', 'node-2', 'node-3']);
  const claims = (): number =>
    planClaims(alone.state, alone.pods(), alone.now, HEIR_SETTINGS, memory).filter((each) => each.do === 'write').length;
  for (const node of ['node-1', 'node-2']) alone.setMember(node, 'dead');
  expect(claims()).toBe(0);
  alone.elapsed += 5_000;
  alone.setMember('node-1', 'alive', 2);
  expect(claims()).toBe(0);
  alone.elapsed += HEIR_SETTINGS.newsSettleMs - 1;
  expect(claims()).toBe(0);
  // The other is not heard: it is dead indeed.
  alone.elapsed += 1 + HEIR_SETTINGS.escalationMs;
  expect(claims()).toBeGreaterThan(0);
});

it('a host that has just started catches up before it claims: others may have claimed while it was away', () => {
  const world = running(3, 6);
  const fresh = new ClusterWorld(['node-1', 'node-2', 'node-3'], 'node-3', world.desired.copy());
  fresh.learnReports(world, ['node-1', 'node-2', 'node-3']);
  fresh.elapsed += 60_000;
  const memory: OrphanMemory = { nodes: new Map(), since: new Map(), startedAt: fresh.elapsed };
  const claims = (): number =>
    planClaims(fresh.state, fresh.pods(), fresh.now, HEIR_SETTINGS, memory).filter((each) => each.do === 'write').length;
  fresh.setMember('node-1', 'dead');
  expect(claims()).toBe(0);
  fresh.elapsed += HEIR_SETTINGS.newsSettleMs + HEIR_SETTINGS.escalationMs;
  // It heard of the death, and nobody has told it yet what they hold.
  memory.caughtUp = false;
  expect(claims()).toBe(0);
  memory.caughtUp = true;
  expect(claims()).toBeGreaterThan(0);
});

it('a host that nobody tells what they hold claims after a time all the same', () => {
  const world = running(3, 6);
  const fresh = new ClusterWorld(['node-1', 'node-2', 'node-3'], 'node-3', world.desired.copy());
  fresh.learnReports(world, ['node-1', 'node-2', 'node-3']);
  const memory: OrphanMemory = { nodes: new Map(), since: new Map(), startedAt: fresh.elapsed, caughtUp: false };
  const plan = (): ReturnType<typeof planClaims> => planClaims(fresh.state, fresh.pods(), fresh.now, HEIR_SETTINGS, memory);
  fresh.setMember('node-1', 'dead');
  // It looks again soon: nothing else tells it that it has caught up.
  const wakes = plan().map((each) => (each.do === 'wake' ? each.at - fresh.elapsed : Number.NaN));
  expect(new Set(wakes)).toEqual(new Set([HEIR_SETTINGS.queueMs]));
  fresh.elapsed += HEIR_SETTINGS.catchUpMs + HEIR_SETTINGS.escalationMs;
  expect(plan().some((each) => each.do === 'write')).toBe(true);
});

it('a host that refutes its death says anew what runs there: until then that it ran there counts', () => {
  const world = running(2, 2);
  const [original] = world.state.podsOnNode('node-1');
  const view = new ClusterWorld(['node-1', 'node-2'], 'node-2', world.desired.copy());
  view.learnReports(world, ['node-1', 'node-2']);
  view.setLeader('node-2');
  view.setMember('node-1', 'dead');
  view.converge({ nodes: ['node-2'] });
  const kept = view.pods().find(({ object }) => object.kith?.slot?.generation === 2);
  const claim = view.object(RS).object.kith?.slots?.[String(kept?.object.kith?.slot?.slot)]?.claim;
  view.setMember('node-1', 'alive');
  view.elapsed += 60_000;
  const verdict = (): string => judgeOriginal(view.state, view.object(original!.key), kept, claim!, view.elapsed).verdict;
  expect(verdict()).toBe('restore');
  // Alive all the time, and known in a higher incarnation since this moment.
  const states = view.state.members().map(({ peer, state, since, incarnation }) => ({ peer, state, since, incarnation: incarnation + 1 }));
  view.state.applyLiveness(states, view.state.leader, view.elapsed);
  expect(verdict()).toBe('wait');
});

/** What node-2 sees that is alone and has replaced what ran on the others, and how it judges an original of node-1. */
function alone(): { view: ClusterWorld; judged: () => ReturnType<typeof judgeOriginal> } {
  const world = running(3, 3);
  const [original] = world.state.podsOnNode('node-1');
  const view = new ClusterWorld(['node-1', 'node-2', 'node-3'], 'node-2', world.desired.copy());
  view.learnReports(world, ['node-1', 'node-2', 'node-3']);
  view.setLeader('node-2');
  for (const lost of ['node-1', 'node-3']) view.setMember(lost, 'dead');
  view.elapsed += HEIR_SETTINGS.doubtMs;
  view.converge({ nodes: ['node-2'] });
  const filled = original?.object.kith?.slot;
  const claim = view.object(RS).object.kith?.slots?.[String(filled?.slot)]?.claim;
  const kept = view.pods().find(({ object }) => object.kith?.slot?.slot === filled?.slot && object.kith?.slot?.generation === 2);
  const judged = (): ReturnType<typeof judgeOriginal> => judgeOriginal(view.state, view.object(original!.key), kept, claim!, view.elapsed);
  return { view, judged };
}

it('a node that is heard again as who it was has to say first what still runs there', () => {
  const { view, judged } = alone();
  view.setMember('node-1', 'alive');
  const waits = { verdict: 'wait', lookAgainAt: view.elapsed + COMPARING_MS, compareWith: { peer: 'peer-node-1', since: view.elapsed } };
  // An older comparison tells nothing of what it says now.
  view.comparedAt.set('peer-node-1', view.elapsed - 1);
  expect(judged()).toMatchObject(waits);
  view.comparedAt.set('peer-node-1', view.elapsed);
  expect(judged().verdict).toBe('restore');
  // Where nothing can be compared, what others have told of it since counts.
  view.comparedAt.clear();
  view.elapsed += UNCOMPARED_MS - 1;
  expect(judged().verdict).toBe('wait');
  view.elapsed += 1;
  expect(judged().verdict).toBe('restore');
});

it.each([
  { says: 'runs it', expected: 'restore' },
  { says: 'says nothing', expected: 'bury' },
])('a node on a poor line, suspected again and again since it is back, that $says is judged all the same', ({ says, expected }) => {
  const { view, judged } = alone();
  // What it says in the incarnation in which it is back, or does not say.
  view.setMember('node-1', 'alive', says === 'runs it' ? 1 : 2);
  const backAt = view.elapsed;
  view.comparedAt.clear();
  for (let at = 8_000; at < UNCOMPARED_MS; at += 8_000) {
    view.elapsed = backAt + at;
    view.setMember('node-1', 'suspected');
    expect(judged().verdict).toBe('wait');
    view.elapsed += 500;
    view.setMember('node-1', 'alive');
    expect(judged()).toMatchObject({ verdict: 'wait', compareWith: { peer: 'peer-node-1', since: backAt } });
  }
  // It was compared since it is back, and suspected since.
  view.comparedAt.set('peer-node-1', backAt);
  expect(judged().verdict).toBe(says === 'runs it' ? 'restore' : 'wait');
  view.comparedAt.clear();
  view.elapsed = backAt + UNCOMPARED_MS;
  expect(judged().verdict).toBe(expected);
  // Dead again meanwhile: all of it begins anew.
  view.setMember('node-1', 'dead');
  view.setMember('node-1', 'alive');
  expect(judged()).toMatchObject({ verdict: 'wait', compareWith: { peer: 'peer-node-1', since: view.elapsed } });
});

it.each([
  ['any', 'runs', 'wait'],
  ['majority', 'runs', 'restore'],
  ['majority', 'runs in part', 'restore'],
  ['majority', 'runs no more', 'wait'],
])(
  'a replacement that is asked for and not ready, of a pod with partition: %s that %s, has the original %s',
  (partition, runs, expected) => {
    const world = running(3, 3, { 'kith.dev/partition': partition, 'kith.dev/reconcile': 'keep-replacement' });
    const [original] = world.state.podsOnNode('node-1');
    const view = new ClusterWorld(['node-1', 'node-2', 'node-3'], 'node-2', world.desired.copy());
    view.learnReports(world, ['node-1', 'node-2', 'node-3']);
    view.setLeader('node-2');
    view.setMember('node-1', 'dead');
    // No node starts anything: the replacement waits for the lease.
    view.converge({ nodes: [] });
    const kept = view.pods().find(({ object }) => object.kith?.slot?.generation === 2);
    const claim = view.object(RS).object.kith?.slots?.[String(kept?.object.kith?.slot?.slot)]?.claim;
    view.setMember('node-1', 'alive');
    const status = readyStatus(view.now.wall);
    const stands = { image: '', imageID: '', ready: false, restartCount: 1, state: { waiting: { reason: 'CrashLoopBackOff' } } };
    const [main] = status.containerStatuses ?? [];
    const containerStatuses = { runs: [main!], 'runs in part': [main!, { ...stands, name: 'beside' }] }[runs] ?? [
      { ...stands, name: 'main' },
    ];
    view.reportPod(original!.key, { ...status, containerStatuses });
    view.comparedAt.set('peer-node-1', view.elapsed);
    expect(judgeOriginal(view.state, view.object(original!.key), kept, claim!, view.elapsed).verdict).toBe(expected);
  },
);

it.each([
  { partition: 'majority', ends: 'goes back into its slot, as it has the lease' },
  { partition: 'any', ends: 'ends once the one that fills its slot is ready' },
])('the first of three copies, whose node is back and the second of which never ran, with partition: $partition $ends', ({ partition }) => {
  const all = ['node-1', 'node-2', 'node-3', 'node-4', 'node-5'];
  let view = running(5, 1, { 'kith.dev/partition': partition });
  const [original] = view.pods();
  const first = boundNode(original!)!;
  const [second = '', third = ''] = all.filter((node) => node !== first);
  /** Claims for itself the pod of a node that is dead. Nobody starts anything. */
  const claim = (self: string, dead: readonly string[]): void => {
    const seen = new ClusterWorld(all, self, view.desired.copy());
    seen.elapsed = view.elapsed;
    seen.learnReports(view, all);
    seen.setLeader(self);
    for (const node of dead) seen.setMember(node, 'dead');
    seen.converge({ nodes: [] });
    view = seen;
  };
  claim(second, [first]);
  claim(third, [first, second]);
  expect(slotOf(view)).toMatchObject({ generation: 3, claim: { from: 2, node: third } });
  view.setMember(first, 'alive');
  view.setMember(second, 'alive');
  view.reportPod(original!.key, readyStatus(view.now.wall));
  for (const node of [first, second]) view.comparedAt.set(`peer-${node}`, view.elapsed);
  view.converge({ nodes: [], quietMs: UNCOMPARED_MS * 2 });
  const standing = () => view.pods().flatMap((pod) => (isDeleting(pod) ? [] : pod.key));
  if (partition === 'majority') return expect(standing()).toEqual([original!.key]);
  expect(standing()).toHaveLength(3);
  const kept = view.pods().find(({ object }) => object.kith?.slot?.generation === 3)!;
  view.reportPod(kept.key, readyStatus(view.now.wall));
  view.converge({ nodes: [], quietMs: 2_000 });
  expect(standing()).toEqual([kept.key]);
});

function slotOf(world: ClusterWorld) {
  return Object.values(world.object(RS).object.kith?.slots ?? {})[0]!;
}

it.each([
  { how: 'claimed', evicted: false, expected: 'restore' },
  { how: 'claimed', evicted: true, expected: 'wait' },
  { how: 'not claimed', evicted: false, expected: 'wait' },
])(
  'a copy from before has its slot back, where no node is found for what fills that, if it was $how (evicted: $evicted): $expected',
  (each) => {
    const world = running(3, 1);
    const [earlier] = world.pods();
    const node = boundNode(earlier!)!;
    world.comparedAt.set(`peer-${node}`, world.elapsed);
    if (each.evicted)
      world.edit(earlier!.key, (draft) => (draft.kith = { ...draft.kith, facts: { disruption: { by: 'eviction', at: '' } } }));
    const kept = { ...earlier!, key: podKey('kept'), uid: 'kept', object: { ...earlier!.object, kith: {} } };
    const claim = each.how === 'claimed' ? { from: 2, membersSeen: 3, membersKnown: 3 } : undefined;
    expect(judgeEarlier(world.state, world.object(earlier!.key), kept, claim, world.elapsed).verdict).toBe(each.expected);
  },
);
