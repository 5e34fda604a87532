import type { DocumentSize, SizesAnswer } from '../../../protocol/answers.ts';
import type { Entry } from './object-index.ts';

/** Documents that are told one by one. */
const MAX_LONGEST = 10;

export function sizesOf(entries: Iterable<Entry>): SizesAnswer {
  const answer: SizesAnswer = { objects: 0, tombstones: 0, documentBytes: 0, changes: 0, longest: [] };
  const documents: DocumentSize[] = [];
  for (const { key, life, history, epoch } of entries) {
    if (life === 0) {
      answer.tombstones += 1;
      continue;
    }
    answer.objects += 1;
    const { bytes, changes } = history ?? { bytes: 0, changes: 0 };
    answer.documentBytes += bytes;
    answer.changes += changes;
    documents.push({ key, bytes, changes, cuts: epoch?.number ?? 0 });
  }
  const longest = documents.sort((left, right) => right.changes - left.changes || (left.key < right.key ? -1 : 1)).slice(0, MAX_LONGEST);
  return { ...answer, longest };
}
