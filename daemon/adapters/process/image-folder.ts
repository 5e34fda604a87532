import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { KithError } from '../../../protocol/errors.ts';

/**
 * Image folders: `IMAGES/NAME:TAG/image.json` beside the program's files. The process runtime runs them where they are; the Docker runtime can make an image of
 * one. In `command`, `args`, `env` and `workingDir`, `$(IMAGE)` stands for the folder and `$(NODE)` for a Node.js binary.
 */
export interface ImageFolder {
  /** Normalised: `nginx:latest`, `kith.dev/hello:1`. */
  name: string;
  /** Folder whose files the program uses: its own, or that of the image it is made `from`. */
  folder: string;
  command: string[];
  args: string[];
  env: Record<string, string>;
  workingDir: string | undefined;
  /** `sha256:…` over the definition and the files. */
  id: string;
}

const MAX_DEFINITION_BYTES = 64 * 1024;
const MAX_FILES = 256;
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;
const COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const HOST = /^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::[0-9]{1,5})?$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const FIELDS = new Set(['from', 'command', 'args', 'env', 'workingDir']);

/** `docker.io/library/nginx` and `nginx` are both `nginx:latest`. Undefined when it is no name of a tagged image; such a name never reaches the file system. */
export function normaliseImageName(image: string): string | undefined {
  const short = image.replace(/^(?:index\.)?docker\.io\//, '').replace(/^library\//, '');
  const lastSlash = short.lastIndexOf('/');
  const colon = short.indexOf(':', lastSlash + 1);
  const path = colon < 0 ? short : short.slice(0, colon);
  const tag = colon < 0 ? 'latest' : short.slice(colon + 1);
  const components = path.split('/');
  const valid = components.every(
    (component, index) => COMPONENT.test(component) || (index === 0 && components.length > 1 && HOST.test(component)),
  );
  return valid && TAG.test(tag) && path.length <= 255 ? `${path}:${tag}` : undefined;
}

/** Looks through the image directories in order. Undefined when none has the image. @throws KithError `InvalidContainer` when its definition is broken */
export async function findImageFolder(directories: readonly string[], image: string): Promise<ImageFolder | undefined> {
  const name = normaliseImageName(image);
  if (name === undefined) return undefined;
  for (const directory of directories) {
    const folder = join(directory, ...name.split('/'));
    const definition = await readDefinition(folder);
    if (definition === undefined) continue;
    const files = await imageFiles(folder);
    if (definition.from === undefined) return assemble(name, folder, [definition], files);
    const baseName = normaliseImageName(definition.from);
    const baseFolder = baseName === undefined ? undefined : join(directory, ...baseName.split('/'));
    const base = baseFolder === undefined ? undefined : await readDefinition(baseFolder);
    if (baseFolder === undefined || base === undefined || base.from !== undefined) {
      throw broken(folder, `"from": ${definition.from} is no image folder that stands by itself in ${directory}`);
    }
    return assemble(name, baseFolder, [base, definition], await imageFiles(baseFolder));
  }
  return undefined;
}

/** Reads one folder by its path; its name is the path below its images directory, which is up to the caller. */
export async function readImageFolder(imagesDirectory: string, folder: string): Promise<ImageFolder> {
  const name = relative(imagesDirectory, folder).split(sep).join('/');
  const found = await findImageFolder([imagesDirectory], name);
  if (found === undefined) throw new KithError('ImageNotFound', `${folder} holds no image.json, or its path is no image name`);
  return found;
}

/** Paths of an image folder's files, relative to it, sorted. Links and other special files are left out. */
export async function imageFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  if (files.length > MAX_FILES) throw broken(folder, `it has ${files.length} files, more than ${MAX_FILES}`);
  return files.sort();
}

/** Puts paths for `$(IMAGE)` and `$(NODE)`; other `$(…)` stay as they are. */
export function substitute(text: string, places: { image: string; node: string }): string {
  return text.replaceAll('$(IMAGE)', places.image).replaceAll('$(NODE)', places.node);
}

interface Definition {
  bytes: Uint8Array;
  from?: string;
  command?: string[];
  args?: string[];
  env?: Record<string, string>;
  workingDir?: string;
}

async function readDefinition(folder: string): Promise<Definition | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(join(folder, 'image.json'));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
  if (bytes.length > MAX_DEFINITION_BYTES) throw broken(folder, `image.json is larger than ${MAX_DEFINITION_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw broken(folder, `image.json is not JSON: ${(error as Error).message}`);
  }
  return { ...checkDefinition(folder, value), bytes };
}

function checkDefinition(folder: string, value: unknown): Omit<Definition, 'bytes'> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw broken(folder, 'image.json must be an object');
  const fields = value as Record<string, unknown>;
  const unknown = Object.keys(fields).find((field) => !FIELDS.has(field));
  if (unknown !== undefined) throw broken(folder, `unknown field "${unknown}"; known are ${[...FIELDS].join(', ')}`);
  for (const field of ['command', 'args']) {
    if (fields[field] !== undefined && !isStringList(fields[field])) throw broken(folder, `"${field}" must be a list of strings`);
  }
  for (const field of ['from', 'workingDir']) {
    if (fields[field] !== undefined && typeof fields[field] !== 'string') throw broken(folder, `"${field}" must be a string`);
  }
  const env = fields['env'];
  if (env !== undefined && (env === null || typeof env !== 'object' || !isStringList(Object.values(env)))) {
    throw broken(folder, '"env" must map names to strings');
  }
  return fields;
}

function isStringList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** Later definitions override earlier ones field by field, `env` name by name. */
async function assemble(name: string, folder: string, definitions: Definition[], files: string[]): Promise<ImageFolder> {
  const hash = createHash('sha256');
  for (const definition of definitions) hash.update(definition.bytes);
  let total = 0;
  for (const file of files) {
    const bytes = await readFile(join(folder, file));
    total += bytes.length;
    if (total > MAX_TOTAL_BYTES) throw broken(folder, `its files take more than ${MAX_TOTAL_BYTES} bytes`);
    hash.update(`\0${file}\0${bytes.length}\0`).update(bytes);
  }
  const merged: Omit<Definition, 'bytes'> = Object.assign({}, ...definitions) as Definition;
  return {
    name,
    folder,
    command: merged.command ?? [],
    args: merged.args ?? [],
    env: Object.assign({}, ...definitions.map((definition) => definition.env)) as Record<string, string>,
    workingDir: merged.workingDir,
    id: `sha256:${hash.digest('hex')}`,
  };
}

function broken(folder: string, why: string): KithError {
  return new KithError('InvalidContainer', `image folder ${folder} is not usable: ${why}`, { folder: dirname(folder) });
}
