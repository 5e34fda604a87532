import type { LostEdit } from '../../../protocol/desired.ts';
import { jsonEqual } from '../../../protocol/json.ts';
import type { DocumentFields } from '../../ports/documents.ts';
import { isAtOrBelow } from './pointer.ts';
import { decideFields } from './winners.ts';

/** What peers write of themselves, and the deletion itself: nobody's words are lost with it. */
const NOBODYS = [
  '/kith',
  '/metadata/annotations/deployment.kubernetes.io~1revision',
  '/metadata/deletionGracePeriodSeconds',
  '/metadata/deletionTimestamp',
  '/metadata/managedFields',
];

/** What was edited of a document beyond what `seen` has. */
export function lostEdits(seen: DocumentFields, held: DocumentFields): LostEdit[] {
  const [before, after] = [decideFields(seen).values, decideFields(held).values];
  const paths = [...new Set([...before.keys(), ...after.keys()])].filter((path) => !NOBODYS.some((pointer) => isAtOrBelow(path, pointer)));
  return paths
    .sort()
    .filter((path) => !jsonEqual(before.get(path) ?? null, after.get(path) ?? null))
    .map((path) => ({ path, value: after.get(path) }));
}
