import type { GroupResource } from '../objects.ts';
import { credentialKind } from './credential.ts';
import { deploymentKind } from './deployment.ts';
import { eventKind } from './event.ts';
import { joinTokenKind } from './join-token.ts';
import type { KindAlias, KindDefinition } from './kind.ts';
import { apiVersionOf, groupResourceOf } from './kind.ts';
import { memberKind } from './member.ts';
import { namespaceKind } from './namespace.ts';
import { nodeKind } from './node.ts';
import { podKind } from './pod.ts';
import { replicaSetKind } from './replica-set.ts';
import { replicationControllerKind } from './replication-controller.ts';

/** Every kind that Kith knows, in the order that discovery shows them. */
const KINDS: readonly KindDefinition[] = [
  eventKind,
  namespaceKind,
  nodeKind,
  podKind,
  replicationControllerKind,
  deploymentKind,
  replicaSetKind,
  memberKind,
  joinTokenKind,
  credentialKind,
];

const byResource = new Map<GroupResource, KindDefinition>(KINDS.map((kind) => [groupResourceOf(kind), kind]));
const byTypeMeta = new Map<string, KindMatch>();
const byWord = new Map<string, KindDefinition>();

/** A kind, and the alias by which it was called. */
export interface KindMatch {
  kind: KindDefinition;
  /** Undefined when the apiVersion is the stored one. */
  alias?: KindAlias;
}

for (const kind of KINDS) {
  byTypeMeta.set(`${apiVersionOf(kind)} ${kind.kind}`, { kind });
  for (const alias of kind.aliases ?? []) byTypeMeta.set(`${alias.apiVersion} ${kind.kind}`, { kind, alias });
  const names = [kind.plural, kind.singular, kind.kind, ...kind.shortNames, groupResourceOf(kind)];
  if (kind.group !== '') names.push(`${kind.singular}.${kind.group}`, `${kind.plural}.${kind.version}.${kind.group}`);
  // The first kind that claims a word keeps it, as in kubectl: the core group comes first.
  for (const name of names) if (!byWord.has(name.toLowerCase())) byWord.set(name.toLowerCase(), kind);
}

export function allKinds(): readonly KindDefinition[] {
  return KINDS;
}

/** By `pods` or `deployments.apps`. */
export function kindOfResource(resource: GroupResource): KindDefinition | undefined {
  return byResource.get(resource);
}

/** By what a manifest says; aliases too. */
export function kindFor(apiVersion: string, kind: string): KindMatch | undefined {
  return byTypeMeta.get(`${apiVersion} ${kind}`);
}

/** By any word that kubectl takes: plural, singular, short name, `plural.group`, kind; in any case. */
export function findKind(word: string): KindDefinition | undefined {
  return byWord.get(word.toLowerCase());
}
