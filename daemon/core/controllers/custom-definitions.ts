import { CUSTOM_DEFINITIONS } from '../../../protocol/kinds/custom/definition.ts';
import { kindOfResource } from '../../../protocol/kinds/registry.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import { objectKey, parseObjectKey } from '../../../protocol/objects.ts';
import { isDeleting } from '../cluster/pods.ts';
import type { ClusterIndex } from '../cluster/view.ts';
import { buryMutation } from '../deletion.ts';
import type { Decision, Now } from '../decisions.ts';
import { deleteMutations, holdsFinalizers } from './deletion-world.ts';

/** Objects ended in one pass; the rest follow. */
const BURST = 500;

/** A definition that is deleted: all objects of its kind go first, then it. Its name is that of its resource. */
export function planDefinition(view: ClusterIndex, definition: DesiredObject, now: Now): Decision[] {
  if (!isDeleting(definition)) return [];
  const { name } = definition.object.metadata;
  const objects = view.list(name);
  if (objects.length === 0) {
    if (holdsFinalizers(definition)) return [];
    return [{ do: 'write', mutations: [buryMutation(definition, now.wall)], reason: 'no object of its kind is left' }];
  }
  const reason = `the definition of ${name} is deleted`;
  return objects
    .filter((object) => !isDeleting(object))
    .slice(0, BURST)
    .map((object): Decision => ({ do: 'write', mutations: deleteMutations(view, object, now.wall), reason }));
}

/** Whether the kind of an object was deleted: another side may have made the object meanwhile. That a definition is absent may only mean that it has not arrived yet. */
export function isOfBuriedKind(view: ClusterIndex, desired: DesiredObject): boolean {
  const { resource } = parseObjectKey(desired.key);
  if (kindOfResource(resource) !== undefined) return false;
  const key = objectKey(CUSTOM_DEFINITIONS, '', resource);
  return view.get(key) === undefined && view.buriedLife(key) > 0;
}
