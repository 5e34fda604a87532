import type { JsonObject } from '../../../protocol/json.ts';
import { decodeObject, invalidMessage, toStoredVersion } from '../../../protocol/kinds/admission.ts';
import type { RefusedObject } from '../../../protocol/kinds/admission.ts';
import type { KindDefinition } from '../../../protocol/kinds/kind.ts';
import { apiVersionOf, groupResourceOf } from '../../../protocol/kinds/kind.ts';
import { kindFor } from '../../../protocol/kinds/registry.ts';
import type { ManifestDocument } from '../../../protocol/manifest/document.ts';
import { formatManifestError } from '../../../protocol/manifest/document.ts';
import { parseManifest } from '../../../protocol/manifest/parse.ts';
import { objectKey } from '../../../protocol/objects.ts';
import type { DraftObject, ObjectKey } from '../../../protocol/objects.ts';
import { formatFieldError } from '../../../protocol/schema/field-errors.ts';
import type { FolderFile } from '../../ports/folder.ts';

/** Problems that are told of one file. */
const MAX_PROBLEMS = 5;

/** An object as a file declares it. */
export interface DeclaredObject {
  key: ObjectKey;
  kind: KindDefinition;
  /** As written, in the stored apiVersion and with its namespace; no defaults filled in. */
  value: JsonObject;
  /** The whole object, valid and with defaults. */
  draft: DraftObject;
  /** `web.yaml:12` */
  at: string;
  warnings: string[];
}

/** A file as it was understood. With a problem nothing of it counts. */
export interface ReadFile {
  path: string;
  objects: DeclaredObject[];
  problem?: string;
}

export function readManifestFile(file: FolderFile): ReadFile {
  const { path } = file;
  if (file.text === undefined) return { path, objects: [], problem: file.problem ?? 'it can not be read' };
  // More likely a write that failed than a wish to delete; that is said by removing the file.
  if (file.text.trim() === '')
    return { path, objects: [], problem: 'it is empty: nothing changes. Remove the file to delete what it declared' };
  const parsed = parseManifest(file.text, path);
  const problems = parsed.errors.map(formatManifestError);
  const objects: DeclaredObject[] = [];
  for (const document of parsed.documents) {
    const read = readDocument(document);
    if (typeof read === 'string') problems.push(read);
    else if (objects.some((other) => other.key === read.key)) problems.push(`${read.at}: ${read.key} is declared twice in this file`);
    else objects.push(read);
  }
  if (problems.length === 0) return { path, objects };
  const more = problems.length > MAX_PROBLEMS ? `; and ${problems.length - MAX_PROBLEMS} more` : '';
  return { path, objects: [], problem: `${problems.slice(0, MAX_PROBLEMS).join('; ')}${more}` };
}

function readDocument(document: ManifestDocument): DeclaredObject | string {
  const at = `${document.sourceName}:${document.line}`;
  const decoded = decodeObject(document.value, { fieldValidation: 'Strict' });
  if (!decoded.ok) return explain(document, decoded);
  const { kind: written, object, warnings } = decoded;
  const { draft, errors } = toStoredVersion(written, object);
  if (errors.length > 0) return `${at}: ${invalidMessage(written, object.metadata.name ?? '', errors)}`;
  const kind = written.storedAs?.kind ?? written;
  if (kind.internal === true || !kind.verbs.includes('create')) return `${at}: a ${kind.kind} can't be declared in a folder of manifests`;
  const { name, namespace } = object.metadata;
  if (name === undefined || name === '')
    return `${at}: metadata.name: Required value: an object in a folder of manifests needs a name of its own`;
  const key = objectKey(groupResourceOf(kind), kind.namespaced ? (namespace ?? '') : '', name);
  return { key, kind, value: writtenValue(document.value, written, object), draft, at, warnings };
}

function explain(document: ManifestDocument, refused: RefusedObject): string {
  const [first] = refused.causes;
  if (first === undefined) return `${document.sourceName}:${document.line}: ${refused.message}`;
  return refused.causes
    .slice(0, MAX_PROBLEMS)
    .map((cause) => `${document.at(cause.field)}: ${formatFieldError(cause)}`)
    .join('; ');
}

/** What the file says, turned into the stored version: the base of later comparisons. */
function writtenValue(value: JsonObject, kind: KindDefinition, object: DraftObject): JsonObject {
  const { status: _status, ...written } = structuredClone(value);
  const { apiVersion } = value;
  const alias = typeof apiVersion === 'string' ? kindFor(apiVersion, kind.kind)?.alias : undefined;
  alias?.convert(written as unknown as DraftObject);
  const stored = (kind.storedAs?.to(written as unknown as DraftObject) ?? written) as JsonObject;
  const metadata = { ...(written['metadata'] as JsonObject | undefined) };
  if (kind.namespaced) metadata['namespace'] = object.metadata.namespace ?? '';
  return { ...stored, apiVersion: apiVersionOf(kind.storedAs?.kind ?? kind), kind: kind.kind, metadata };
}
