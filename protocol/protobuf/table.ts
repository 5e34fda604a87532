import { CORE_MESSAGES } from './core-messages.ts';
import { GROUP_MESSAGES } from './group-messages.ts';
import { META_MESSAGES } from './meta-messages.ts';

/**
 * Kubernetes' protobuf messages, as facts of the wire: which number stands for which field. They are stable (k8s.io/api, generated.proto). One message a line, `@package` before
 * those of a package:
 *
 *     Message field:NUMBERtype field:NUMBERtype ...
 *
 * A type is `s`tring, `i`nt32, `l`ong (int64), `b`oolean, b`y`tes, `T`ime, `U` (a time with microseconds), `Q`uantity, `I`ntOrString, `F` (fieldsV1, raw JSON), or the name of a
 * message, of another package as `package.Message`. `*` makes it a list, `{...}` a map from strings. `?` marks a scalar that Go holds behind a pointer: only then is a zero a value, because Go
 * writes all others even when they are unset. `<` marks a message whose fields JSON shows as the parent's own.
 */
export interface MessageField {
  name: string;
  type: string;
  shape: 'single' | 'list' | 'map';
  pointer: boolean;
  inline: boolean;
}

export type MessageFields = ReadonlyMap<number, MessageField>;

/** Which package an apiVersion's kinds are in. */
const PACKAGES: Readonly<Record<string, string>> = {
  v1: 'core',
  'apps/v1': 'apps',
  'batch/v1': 'batch',
  'autoscaling/v1': 'autoscaling',
  'autoscaling/v2': 'autoscalingV2',
  'events.k8s.io/v1': 'events',
  'policy/v1': 'policy',
  'networking.k8s.io/v1': 'networking',
  'coordination.k8s.io/v1': 'coordination',
  'rbac.authorization.k8s.io/v1': 'rbac',
  'authorization.k8s.io/v1': 'authorization',
  'authentication.k8s.io/v1': 'authentication',
  'discovery.k8s.io/v1': 'discovery',
  'scheduling.k8s.io/v1': 'scheduling',
  'storage.k8s.io/v1': 'storage',
};
/** Belongs to every apiVersion. */
const DELETE_OPTIONS = 'DeleteOptions';
const SCALARS = 'silbyTUQIF';

let messages: ReadonlyMap<string, MessageFields> | undefined;

/** By `package.Message`. */
export function messageFields(name: string): MessageFields | undefined {
  messages ??= readTable([META_MESSAGES, CORE_MESSAGES, GROUP_MESSAGES].join('\n'));
  return messages.get(name);
}

/** The message of a kind; undefined for kinds that have none here. */
export function messageOfKind(apiVersion: string, kind: string): string | undefined {
  if (kind === DELETE_OPTIONS) return `meta.${DELETE_OPTIONS}`;
  const owner = PACKAGES[apiVersion];
  const name = `${owner ?? ''}.${kind}`;
  return owner !== undefined && messageFields(name) !== undefined ? name : undefined;
}

export function isScalar(type: string): boolean {
  return type.length === 1 && SCALARS.includes(type);
}

function readTable(text: string): ReadonlyMap<string, MessageFields> {
  const found = new Map<string, MessageFields>();
  let owner = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('@')) owner = line.slice(1);
    if (line === '' || line.startsWith('@')) continue;
    const [name = '', ...fields] = line.split(' ');
    found.set(`${owner}.${name}`, new Map(fields.map((field) => readField(field, owner))));
  }
  return found;
}

function readField(text: string, owner: string): [number, MessageField] {
  const [, inline, name = '', number, open, type = '', , mark] = /^(<?)(\w+):(\d+)(\{?)([\w.]+)(\}?)([*?]?)$/.exec(text) ?? [];
  const qualified = isScalar(type) || type.includes('.') ? type : `${owner}.${type}`;
  const shape = open === '{' ? 'map' : mark === '*' ? 'list' : 'single';
  return [Number(number), { name, type: qualified, shape, pointer: mark === '?', inline: inline === '<' }];
}
