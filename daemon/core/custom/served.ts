import type { Condition } from '../../../protocol/conditions.ts';
import { customKinds } from '../../../protocol/kinds/custom/custom-kind.ts';
import { CUSTOM_DEFINITIONS, definitionOf } from '../../../protocol/kinds/custom/definition.ts';
import type { KindDefinition } from '../../../protocol/kinds/kind.ts';
import { servedKinds } from '../../../protocol/kinds/registry.ts';
import type { DesiredObject, StoredObject } from '../../../protocol/objects.ts';
import type { ClusterView } from '../cluster/view.ts';

/**
 * Which custom kinds are served, and what their definitions say of it. It follows from the definitions alone, so that peers that hold the same serve the same: discovery
 * must not differ between them.
 */

type DefinitionSource = Pick<ClusterView, 'list'>;

/** Our own kinds, then those of definitions whose names nobody else has. The same list until a definition changes. */
export function kindsServed(source: DefinitionSource): readonly KindDefinition[] {
  const definitions = source.list(CUSTOM_DEFINITIONS);
  const known = served.get(definitions);
  if (known !== undefined) return known;
  const kinds = [
    ...servedKinds(),
    ...byAge(definitions)
      .filter(({ key }) => !conflictsOf(definitions).has(key))
      .flatMap(({ object }) => kindsOf(object)),
  ];
  served.set(definitions, kinds);
  return kinds;
}

/** Definitions as they are listed, and objects as they are merged, are new ones after each change. */
const served = new WeakMap<readonly DesiredObject[], readonly KindDefinition[]>();
const made = new WeakMap<StoredObject, readonly KindDefinition[]>();
const decided = new WeakMap<readonly DesiredObject[], ReadonlyMap<string, string>>();

function kindsOf(definition: StoredObject): readonly KindDefinition[] {
  const known = made.get(definition) ?? customKinds(definition);
  made.set(definition, known);
  return known;
}

/** Status of a definition as Kubernetes shows it. */
export function definitionStatus(source: DefinitionSource, definition: DesiredObject): object {
  const { names, versions = [] } = definitionOf(definition.object);
  const conflict = conflictsOf(source.list(CUSTOM_DEFINITIONS)).get(definition.key);
  const since = definition.object.metadata.creationTimestamp;
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string): Condition => ({
    type,
    status,
    lastTransitionTime: since,
    reason,
    message,
  });
  const conditions = [
    conflict === undefined
      ? condition('NamesAccepted', 'True', 'NoConflicts', 'no conflicts found')
      : condition('NamesAccepted', 'False', 'NamesConflict', conflict),
    conflict === undefined
      ? condition('Established', 'True', 'InitialNamesAccepted', 'the initial names have been accepted')
      : condition('Established', 'False', 'NotAccepted', 'not all names are accepted'),
    ...(definition.object.metadata.deletionTimestamp === undefined
      ? []
      : [condition('Terminating', 'True', 'InstanceDeletionInProgress', 'CustomResource deletion is in progress')]),
  ];
  const storedVersions = versions.filter(({ storage }) => storage).map(({ name }) => name);
  return { conditions, acceptedNames: conflict === undefined ? names : { plural: '', kind: '' }, storedVersions };
}

/** Why a definition's names are not its own, by key: of two that claim one, the older has it. */
function conflictsOf(definitions: readonly DesiredObject[]): ReadonlyMap<string, string> {
  const known = decided.get(definitions);
  if (known !== undefined) return known;
  const taken = new Set(servedKinds().flatMap((kind) => namesOf(kind.group, [kind.plural, kind.singular, ...kind.shortNames], kind.kind)));
  const conflicts = new Map<string, string>();
  for (const { key, object } of byAge(definitions)) {
    const { group = '', names } = definitionOf(object);
    const claimed = namesOf(group, [names?.plural ?? '', names?.singular ?? '', ...(names?.shortNames ?? [])], names?.kind ?? '');
    const clash = claimed.find((name) => taken.has(name));
    if (clash === undefined) for (const name of claimed) taken.add(name);
    else conflicts.set(key, `${JSON.stringify(clash.slice(clash.lastIndexOf(' ') + 1))} is already in use in group ${group}`);
  }
  decided.set(definitions, conflicts);
  return conflicts;
}

function namesOf(group: string, words: readonly string[], kind: string): string[] {
  return [...new Set([...words.map((word) => `${group} word ${word}`), `${group} kind ${kind}`])];
}

function byAge(definitions: readonly DesiredObject[]): DesiredObject[] {
  const age = ({ object, key }: DesiredObject): string => `${object.metadata.creationTimestamp} ${key}`;
  return [...definitions].sort((left, right) => (age(left) < age(right) ? -1 : 1));
}
