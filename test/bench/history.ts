import { performance } from 'node:perf_hooks';
import { AutomergeDocuments } from '../../daemon/adapters/automerge/documents.ts';
import type { DocumentIdentity } from '../../daemon/ports/documents.ts';
import { percentile, rounded, type BenchArguments } from './args.ts';

const DEFAULT_CHANGES = 3_000;
/** Edits that others made before they heard that it was cut. */
const DEFAULT_LATE = 16;
const ROUNDS = 5;
const KEY = 'deployments.apps/default/web';

export interface HistoryFigures {
  changes: number;
  bytesBefore: number;
  bytesAfter: number;
  /** One edit of a document that is not in memory: load, change, save. */
  editBeforeMs: number;
  editAfterMs: number;
  cutMs: number;
  late: number;
  /** To make all late edits again, by each that has them. */
  carryOverMs: number;
}

/** What an object costs that was changed again and again, before its history is cut and after; medians. */
export async function benchHistory(given: BenchArguments, say: (text: string) => void): Promise<HistoryFigures> {
  const changes = given.numbers.get('changes') ?? DEFAULT_CHANGES;
  const late = given.numbers.get('late') ?? DEFAULT_LATE;
  say(`history: ${changes} changes of one object, then ${late} that are late`);
  const identity: DocumentIdentity = { clusterId: 'bench', key: KEY, life: 1 };
  const writer = new AutomergeDocuments();
  let held: { saved: Uint8Array; heads: readonly string[] } | undefined;
  const edit = (documents: AutomergeDocuments, of: DocumentIdentity, saved: Uint8Array | undefined, number: number, actor: string) =>
    documents.edit(of, saved, editsOf(number), { actor: actor.repeat(32), increment: 1 });
  for (let number = 0; number < changes; number += 1) {
    const { saved, state } = edit(writer, identity, held?.saved, number, 'a');
    held = { saved, heads: state.heads };
  }
  if (held === undefined) throw new Error('at least one change is needed');
  const { saved, heads } = held;
  let after = saved;
  for (let number = 0; number < late; number += 1) after = edit(writer, identity, after, changes + number, 'b').saved;
  const cold = new AutomergeDocuments();
  const cut = cold.rewrite(identity, saved, heads);
  if (cut === undefined) throw new Error('the document can not be cut');
  const next = { ...identity, epoch: cut.epoch };
  const figures = {
    changes,
    bytesBefore: saved.byteLength,
    bytesAfter: cut.saved.byteLength,
    editBeforeMs: median(() => void edit(new AutomergeDocuments(), identity, saved, changes, 'c')),
    editAfterMs: median(() => void edit(new AutomergeDocuments(), next, cut.saved, changes, 'c')),
    cutMs: median(() => void cold.rewrite(identity, saved, heads)),
    late,
    carryOverMs: median(() => void cold.carryOver({ identity, saved: after }, { identity: next, saved: cut.saved })),
  };
  return Promise.resolve(figures);
}

/** As a rollout and a scale would: some fields that are large, some that are small. */
function editsOf(number: number): { path: string; value: string }[] {
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image: `web:${number % 7}` }] } };
  return [
    { path: '/spec/replicas', value: String(number % 5) },
    { path: '/spec/template', value: JSON.stringify(template) },
    { path: `/metadata/annotations/note-${number % 10}`, value: `"${number}"` },
  ];
}

function median(work: () => void): number {
  const taken: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = performance.now();
    work();
    taken.push(performance.now() - began);
  }
  return rounded(percentile(taken, 0.5));
}
