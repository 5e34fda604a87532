import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { DraftObject } from '../protocol/objects.ts';
import type { KindDefinition } from '../protocol/kinds/kind.ts';
import { kindFor } from '../protocol/kinds/registry.ts';
import { formatManifestError } from '../protocol/manifest/document.ts';
import { parseManifest } from '../protocol/manifest/parse.ts';
import { CliError, EXIT_USAGE } from './errors.ts';
import type { Terminal } from './context.ts';

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
export async function readManifests(files: readonly string[], recursive: boolean, terminal: Terminal): Promise<ManifestObject[]> {
  const objects: ManifestObject[] = [];
  const problems: string[] = [];
  for (const file of files) {
    if (file === '-') collect(await terminal.readStdin(), 'standard input', objects, problems);
    else for (const found of listFiles(file, recursive)) collect(readText(found), found, objects, problems);
  }
  if (problems.length > 0) throw new CliError(problems.map((problem) => `error: ${problem}`).join('\n'));
  if (objects.length === 0) throw new CliError(`no objects found in ${files.join(', ')}`);
  return objects;
}

function collect(text: string, source: string, objects: ManifestObject[], problems: string[]): void {
  const { documents, errors } = parseManifest(text, source);
  for (const error of errors) problems.push(formatManifestError(error));
  for (const document of documents) {
    const draft = document.value as unknown as DraftObject;
    const where = `${document.sourceName}:${document.line}`;
    if (typeof draft.apiVersion !== 'string' || typeof draft.kind !== 'string') {
      problems.push(`${where}: apiVersion and kind are needed, for example "apiVersion: v1" and "kind: Pod"`);
      continue;
    }
    const kind = kindFor(draft.apiVersion, draft.kind)?.kind;
    if (kind === undefined) problems.push(`${where}: no matches for kind "${draft.kind}" in version "${draft.apiVersion}"`);
    else objects.push({ kind, object: { ...draft, metadata: draft.metadata ?? {} }, where, at: (field) => document.at(field) });
  }
}

function listFiles(file: string, recursive: boolean): string[] {
  const found = statOf(file);
  if (!found.isDirectory()) return [file];
  const entries = readdirSync(file, { withFileTypes: true }).sort((left, right) => (left.name < right.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const full = path.join(file, entry.name);
    if (entry.isDirectory()) return recursive ? listFiles(full, recursive) : [];
    return /\.(ya?ml|json)$/.test(entry.name) ? [full] : [];
  });
}

function statOf(file: string): ReturnType<typeof statSync> & object {
  try {
    return statSync(file);
  } catch {
    throw new CliError(`the path "${file}" does not exist`, EXIT_USAGE);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(`cannot read ${file}: ${(error as Error).message}`);
  }
}
