import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { DraftObject } from '../protocol/objects.ts';
import { apiVersionOf, type KindDefinition } from '../protocol/kinds/kind.ts';
import { kindFor, servedKinds } from '../protocol/kinds/registry.ts';
import { formatManifestError } from '../protocol/manifest/document.ts';
import { parseManifest } from '../protocol/manifest/parse.ts';
import { CliError, EXIT_USAGE } from './errors.ts';
import type { CliContext } from './context.ts';
import { readFileText } from './reading.ts';
import { serverKinds } from './server-kinds.ts';

type ManifestContext = Pick<CliContext, 'client' | 'terminal'>;

/** One object of a manifest, with where it stands, for messages. */
export interface ManifestObject {
  kind: KindDefinition;
  object: DraftObject;
  /** `web.yaml:12` */
  where: string;
  /** The same for a field of it, by its path (`spec.containers[0].image`). */
  at(field: string): string;
}

/**
 * Reads `-f` arguments: files, folders (their .yaml, .yml and .json), `-` for standard input.
 * @throws CliError that names file and line of everything that is wrong; nothing is returned then, so that half a manifest is never applied.
 */
export async function readManifests(files: readonly string[], recursive: boolean, context: ManifestContext): Promise<ManifestObject[]> {
  const texts: { text: string; source: string }[] = [];
  for (const file of files) {
    if (file === '-') texts.push({ text: await context.terminal.readStdin(), source: 'standard input' });
    else
      for (const found of listFiles(file, recursive))
        texts.push({ text: await readFileText(found, context.terminal.signal), source: found });
  }
  let read = collectAll(texts, ownKind);
  if (read.unknown) {
    const custom = await serverKinds(context.client);
    read = collectAll(
      texts,
      (apiVersion, kind) => ownKind(apiVersion, kind) ?? custom.find((each) => apiVersionOf(each) === apiVersion && each.kind === kind),
    );
  }
  const { objects, problems } = read;
  if (problems.length > 0) throw new CliError(problems.map((problem) => `error: ${problem}`).join('\n'));
  if (objects.length === 0) throw new CliError(`no objects found in ${files.join(', ')}`);
  return objects;
}

type FindByType = (apiVersion: string, kind: string) => KindDefinition | undefined;

interface ReadManifests {
  objects: ManifestObject[];
  problems: string[];
  /** Some kind is none of ours: the server may know it. */
  unknown: boolean;
}

function ownKind(apiVersion: string, kind: string): KindDefinition | undefined {
  return kindFor(apiVersion, kind)?.kind;
}

function collectAll(texts: readonly { text: string; source: string }[], find: FindByType): ReadManifests {
  const read: ReadManifests = { objects: [], problems: [], unknown: false };
  for (const { text, source } of texts) collect(text, source, find, read);
  return read;
}

function collect(text: string, source: string, find: FindByType, read: ReadManifests): void {
  const { objects, problems } = read;
  const { documents, errors } = parseManifest(text, source);
  for (const error of errors) problems.push(formatManifestError(error));
  for (const document of documents) {
    const draft = document.value as unknown as DraftObject;
    const where = `${document.sourceName}:${document.line}`;
    if (typeof draft.apiVersion !== 'string' || typeof draft.kind !== 'string') {
      problems.push(`${where}: apiVersion and kind are needed, for example "apiVersion: v1" and "kind: Pod"`);
      continue;
    }
    const wrong = wrongMetadata(draft.metadata);
    if (wrong !== undefined) {
      problems.push(`${document.at(wrong.field)}: ${wrong.field} ${wrong.why}`);
      continue;
    }
    const kind = find(draft.apiVersion, draft.kind);
    if (kind === undefined) {
      read.unknown = true;
      problems.push(`${where}: no matches for kind "${draft.kind}" in version "${draft.apiVersion}"${whatInstead(draft.kind)}`);
    } else objects.push({ kind, object: { ...draft, metadata: draft.metadata ?? {} }, where, at: (field) => document.at(field) });
  }
}

/** What decides which object is asked for must be what it seems to be. */
function wrongMetadata(metadata: unknown): { field: string; why: string } | undefined {
  if (metadata === undefined || metadata === null) return undefined;
  if (typeof metadata !== 'object' || Array.isArray(metadata))
    return { field: 'metadata', why: 'has to be an object, as in "metadata: {name: web}"' };
  const { name, namespace } = metadata as Record<string, unknown>;
  for (const [field, value] of Object.entries({ name, namespace })) {
    if (value !== undefined && value !== null && typeof value !== 'string')
      return { field: `metadata.${field}`, why: `has to be text, not ${JSON.stringify(value)}: put it in quotes` };
  }
  return undefined;
}

function whatInstead(kind: string): string {
  const known = servedKinds().find((each) => each.kind === kind);
  if (known !== undefined) return `: write "apiVersion: ${apiVersionOf(known)}"`;
  return ': is its CustomResourceDefinition applied? "kith get crd" lists those that are';
}

function listFiles(file: string, recursive: boolean): string[] {
  const found = statOf(file);
  if (!found.isDirectory()) return [file];
  const entries = readdirSync(file, { withFileTypes: true }).sort((left, right) => (left.name < right.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const full = path.join(file, entry.name);
    if (entry.isDirectory()) return recursive ? listFiles(full, recursive) : [];
    if (!/\.(ya?ml|json)$/.test(entry.name)) return [];
    // Who names a pipe means it; in a folder it would be waited for.
    if (!entry.isFile() && !entry.isSymbolicLink()) throw new CliError(`${full} is no file`, EXIT_USAGE);
    return [full];
  });
}

function statOf(file: string): ReturnType<typeof statSync> & object {
  if (/^https?:\/\//.test(file)) throw new CliError(`kith fetches nothing: curl -fsSL ${file} | kith apply -f -`, EXIT_USAGE);
  try {
    return statSync(file);
  } catch {
    throw new CliError(`the path "${file}" does not exist`, EXIT_USAGE);
  }
}
