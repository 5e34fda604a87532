/** One edit of a source file: `find` must occur there exactly once. */
export interface Edit {
  file: string;
  find: string;
  replace: string;
}

/** A bug of our own, planted while a simulator is bundled; the product knows nothing of it. */
export interface Mutant {
  name: string;
  what: string;
  edits: readonly Edit[];
}

const one = (name: string, what: string, file: string, find: string, replace: string): Mutant => ({
  name,
  what,
  edits: [{ file, find, replace }],
});

export const MUTANTS: readonly Mutant[] = [
  one(
    'skip-tombstone-check',
    'changes of a buried life are taken',
    'daemon/core/desired/lives.ts',
    "  if (life <= state.buried) return 'buried';\n",
    '',
  ),
  one(
    'automerge-picks-binding',
    'of two bindings the one counts that Automerge would show',
    'daemon/core/desired/winners.ts',
    "    case '/kith/binding':\n      return compareBindings;\n",
    '',
  ),
  one(
    'reuse-actor',
    'a daemon goes on under the actor of its life before',
    'daemon/peer/replica/document-replica.ts',
    '    this.lifeFloor = floor;\n',
    `    this.lifeFloor = floor;
    const kept = await this.deps.store.get('replica/actor');
    if (kept !== undefined) this.actor = new TextDecoder().decode(kept);
    else await this.deps.store.write([{ type: 'put', key: 'replica/actor', value: new TextEncoder().encode(this.actor) }]);
`,
  ),
  {
    name: 'graves-by-age',
    what: 'tombstones are collected by age, whoever has not heard of them',
    edits: [
      {
        file: 'daemon/peer/replica/graves.ts',
        find: '      if (others.every((peer) => holders?.life === entry.buried && holders.peers.has(peer))) found.push(entry);',
        replace: '      void [others, holders];\n      found.push(entry);',
      },
      { file: 'daemon/peer/replica/graves.ts', find: 'GRAVE_IN_FLIGHT_MS = 600_000', replace: 'GRAVE_IN_FLIGHT_MS = 3_000' },
      { file: 'daemon/peer/anti-entropy.ts', find: 'const COLLECT_EVERY = 10;', replace: 'const COLLECT_EVERY = 1;' },
    ],
  },
  one(
    'keep-minority',
    'a heal keeps the replacement that a minority made',
    'daemon/core/heirs/heal.ts',
    "(isMajority(claim.membersSeen, claim.membersKnown) ? 'keep-replacement' : undefined)",
    "'keep-replacement'",
  ),
  one(
    'trust-empty-view',
    'a peer acts on whatever its disk has',
    'daemon/peer/peer.ts',
    'if (this.#options.complete) this.#becomeComplete();',
    'if (this.#options.complete || clock.monotonic() > 0) this.#becomeComplete();',
  ),
  one(
    'no-refutation',
    'who is suspected or declared dead does not answer it',
    'daemon/core/membership/detector.ts',
    'if (accused < state.incarnation || now - state.refutedAt < state.settings.refuteIntervalMs)',
    'if (accused < Infinity || now - state.refutedAt < state.settings.refuteIntervalMs)',
  ),
  one(
    'drop-last-bucket',
    'anti-entropy leaves out the last quarter of the buckets',
    'daemon/peer/replica/sync-session.ts',
    'if (hash !== digest[bucket]) return void differing.push(bucket);',
    'if (hash !== digest[bucket] && bucket < 192) return void differing.push(bucket);',
  ),
  one(
    'two-heirs',
    'all heirs claim at once',
    'daemon/core/heirs/claims.ts',
    'const turnAt = rank >= 0 ? opensAt + rank * settings.escalationMs : Number.POSITIVE_INFINITY;',
    'const turnAt = rank >= 0 ? opensAt : Number.POSITIVE_INFINITY;',
  ),
  one(
    'lead-without-term',
    'a leader stands without a new term',
    'daemon/core/election/election.ts',
    '{ ...state, term: standing.forTerm, leader: state.self',
    '{ ...state, term: state.term, leader: state.self',
  ),
  one(
    'acknowledge-before-disk',
    'a pushed write is acknowledged before it is on disk',
    'daemon/peer/replica/sync-server.ts',
    '  const { missing, refused } = await replica.merge(envelope);',
    '  void replica.merge(envelope).catch(() => undefined);\n  const { missing, refused }: Awaited<ReturnType<typeof replica.merge>> = { changed: 0, missing: [], refused: [] };',
  ),
  one(
    'tell-before-disk',
    'a write is told to others before it is on disk here',
    'daemon/peer/replica/document-replica.ts',
    '    await this.deps.store.write(batch.operations());\n',
    '    for (const task of tasks) if (task.written !== undefined && !failures.has(task)) this.written.tell(task.written);\n    await this.deps.store.write(batch.operations());\n',
  ),
  one(
    'stop-when-cut-off',
    'a node that sees half of the members or fewer stops what it runs',
    'daemon/core/reconcile/judge.ts',
    "  if (pod.kith?.outcome !== undefined) {\n    if (!view.complete) return { want: 'leave', why: 'it has ended, but",
    "  if (view.membersSeen * 2 <= view.membersKnown) return { want: 'gone', graceSeconds: ownGrace, bury: false, why: 'cut off' };\n  if (pod.kith?.outcome !== undefined) {\n    if (!view.complete) return { want: 'leave', why: 'it has ended, but",
  ),
  one(
    'stop-before-ready',
    'a superseded pod is stopped before its replacement is ready',
    'daemon/core/reconcile/slots.ts',
    "return { is: 'superseded', stop: keptReady, why",
    "return { is: 'superseded', stop: true, why",
  ),
  one(
    'collect-on-absence',
    'what has an owner that is not here is garbage',
    'daemon/core/controllers/garbage.ts',
    'return life !== undefined && view.buriedLife(ownerKey(owner, namespace)) >= life;',
    'return life !== undefined && view.get(ownerKey(owner, namespace)) === undefined;',
  ),
  one(
    'admit-all',
    'a node takes all that is bound to it',
    'daemon/core/scheduler/admit.ts',
    '    else rejected.set(pod.uid, rejection);',
    '    else room.take(shape);',
  ),
  one(
    'unsigned-facts',
    'a record counts whoever signed it',
    'daemon/peer/observed.ts',
    "return signed ? undefined : 'wrong signature';",
    'return undefined;',
  ),
  one(
    'watch-misses-deletions',
    'a watch is not told of what is deleted',
    'daemon/peer/object-cache.ts',
    "      this.append(version, resource, { type: 'DELETED', object: withVersion(before.object, version), before: before.object }, before.bytes);\n",
    '',
  ),
  one(
    'smallest-epoch-wins',
    'of two states of a slot the older one wins',
    'daemon/core/desired/winners.ts',
    "member(right, 'epoch') - member(left, 'epoch') ||",
    "member(left, 'epoch') - member(right, 'epoch') ||",
  ),
  one(
    'no-anti-entropy',
    'peers compare only when they connect',
    'daemon/peer/anti-entropy.ts',
    '      this.tick();\n      this.schedule();',
    '      this.schedule();',
  ),
  one(
    'complete-by-anybody',
    'a peer is complete once it synced with any other',
    'daemon/peer/completion.ts',
    'if (!whole && !this.#isEverybody(taken)) continue;',
    '',
  ),
  one(
    'cordon-ignored',
    'the scheduler places pods on cordoned nodes',
    'daemon/core/scheduler/node-rules.ts',
    'if (node.spec.unschedulable === true && !tolerates(tolerations, CORDON_TAINT)) return CORDONED;',
    'if (node.spec.unschedulable === true && tolerates(tolerations, CORDON_TAINT)) return CORDONED;',
  ),
  one(
    'stale-decisions',
    'a decision is written though what it was taken on has changed',
    'daemon/core/desired/edits.ts',
    'return edits.find(isOvertaken)?.path;',
    'return edits.find((edit) => isOvertaken(edit) && edits.length > 1_000)?.path;',
  ),
  one(
    'forget-outcome',
    'a pod that has ended is replaced by another life of its own',
    'daemon/core/reconcile/judge.ts',
    "    return { want: 'finished', why: `it has ended: ${pod.kith.outcome.phase}` };",
    "    return { want: 'run', why: 'it is bound here' };",
  ),
  one(
    'believe-minority-deaths',
    'heirs act at once on a death that a minority declared',
    'daemon/core/heirs/claims.ts',
    "isMinoritysWord(view, boundNode(orphan) ?? '') ? settings.newsSettleMs : 0",
    "isMinoritysWord(view, boundNode(orphan) ?? '') ? 0 : 0",
  ),
  one(
    'death-is-for-ever',
    'a refuted death is not forgotten',
    'daemon/core/membership/evidence.ts',
    '  if (incarnation <= track.incarnation) return { state, decisions: [] };\n  if (track.incarnation === 0',
    '  if (incarnation <= track.incarnation || track.death) return { state, decisions: [] };\n  if (track.incarnation === 0',
  ),
];
