import type { LostEdit, ReplicaChange } from '../../protocol/desired.ts';
import type { DecidedConflict, DesiredObject } from '../../protocol/objects.ts';
import { canonicalJson } from '../../protocol/json.ts';
import { apiVersionOf } from '../../protocol/kinds/kind.ts';
import { kindOfResource } from '../../protocol/kinds/registry.ts';
import type { ObjectKey } from '../../protocol/objects.ts';
import { parseObjectKey } from '../../protocol/objects.ts';
import type { ClusterView } from '../core/cluster/view.ts';
import type { EventDraft } from '../core/decisions.ts';

export interface ConflictReporterDeps {
  view: ClusterView;
  record(draft: EventDraft): void;
}

/** Values are for reading; `kith conflicts` has them whole. Characters. */
const MAX_VALUE_CHARS = 120;
const HIDDEN = 'a value that is not shown';

/** Makes an Event of what a merge decided, so that no edit is lost silently. The leader speaks, or every peer would say the same. */
export class ConflictReporter {
  readonly #deps: ConflictReporterDeps;

  constructor(deps: ConflictReporterDeps) {
    this.#deps = deps;
  }

  look(changes: readonly ReplicaChange[]): void {
    for (const { key, before, after, lost, invalid } of changes) {
      if (before !== undefined && lost !== undefined) this.#tellLost(before, after, lost);
      if (invalid !== undefined) this.#tellQuarantine(key, invalid);
    }
    if (!this.#deps.view.leader.isSelf) return;
    for (const { key, before, after } of changes) {
      if (after === undefined) continue;
      const known = new Set((before?.conflicts ?? []).map(identityOf));
      for (const conflict of after.conflicts) {
        // Kith's own fields are decided by rules of their own, and nobody's words are lost there.
        if (conflict.path.startsWith('/kith/') || known.has(identityOf(conflict))) continue;
        const say = isSecret(key) ? () => HIDDEN : short;
        const others = conflict.losers.map(say).join(', ');
        const message = `${conflict.path} was changed on two sides at once: ${say(conflict.winner)} was taken, ${others} was not. Set it again if that is not what you want`;
        this.#deps.record({ about: after.object, type: 'Warning', reason: 'ConflictDecided', message, component: 'kith' });
      }
    }
  }

  /** The leader may stand on the side that deleted, and has never seen these edits: so whoever has them tells it, all under one name. */
  #tellLost({ key, object }: DesiredObject, after: DesiredObject | undefined, lost: readonly LostEdit[]): void {
    const controlled = object.metadata.ownerReferences?.some(({ controller }) => controller === true) === true;
    // What controllers write, and Kith's own objects, follow from the rest.
    if (controlled || parseObjectKey(key).resource.endsWith('.kith.dev')) return;
    const edits = lost.map(({ path, value }) =>
      value === undefined ? `${path} was removed` : `${path} was set to ${isSecret(key) ? HIDDEN : short(value)}`,
    );
    if (after !== undefined) return this.#tellTooOld(after, edits);
    const message = `deleted on one side while it was changed on another: ${edits.join(', ')}, and went with it. Create it again if that is not what you want`;
    this.#deps.record({ about: object, type: 'Warning', reason: 'EditsDeleted', message, component: 'kith', shared: true });
  }

  #tellTooOld({ object }: DesiredObject, edits: readonly string[]): void {
    const message = `this peer held it as it was too long ago to merge, and took it as the others have it. Here ${edits.join(', ')}. Set it again if that is newer`;
    this.#deps.record({ about: object, type: 'Warning', reason: 'EditsTooOld', message, component: 'kith' });
  }

  /** Of what is in such an object nothing can be relied on, so that the Event is about its key. All tell it, under one name: the leader may be the one that is being stopped. */
  #tellQuarantine(key: ObjectKey, reason: string): void {
    const { resource, namespace, name } = parseObjectKey(key);
    const kind = kindOfResource(resource);
    const metadata = { name, uid: '', creationTimestamp: '', ...(namespace === '' ? {} : { namespace }) };
    const about = { apiVersion: kind === undefined ? '' : apiVersionOf(kind), kind: kind?.kind ?? resource, metadata };
    const message = `set aside and not acted on, since it does not validate: ${short(reason)}. Create it anew to replace it; "kith conflicts" lists what is set aside`;
    this.#deps.record({ about, type: 'Warning', reason: 'Quarantined', message, component: 'kith', shared: true });
  }
}

/** Values of any of its fields: annotations of clients repeat the whole object. */
function isSecret(key: ObjectKey): boolean {
  return kindOfResource(parseObjectKey(key).resource)?.secret !== undefined;
}

function identityOf({ path, winner, losers }: DecidedConflict): string {
  return canonicalJson([path, winner, losers]);
}

function short(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > MAX_VALUE_CHARS ? `${text.slice(0, MAX_VALUE_CHARS)}...` : text;
}
