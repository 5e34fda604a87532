import type { Command } from 'commander';
import { apiVersionOf, type KindDefinition } from '../protocol/kinds/kind.ts';
import { ApiClient } from './client.ts';
import { findEndpoint, type ConnectionOptions } from './connection.ts';
import { CliError, EXIT_USAGE } from './errors.ts';

/** Where a command reads and writes; tests hand in their own. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Bytes as they are. Resolves when more can be taken. */
  outBytes(bytes: Uint8Array): Promise<void>;
  errBytes(bytes: Uint8Array): Promise<void>;
  readonly keyboard: Keyboard;
  /** Whether a person watches: progress and colour are for them only. */
  interactive: boolean;
  environment: Readonly<Record<string, string | undefined>>;
  uid: number;
  readStdin(): Promise<string>;
  signal: AbortSignal;
  now(): number;
}

/** Standard input as it comes, and the terminal that it may be. */
export interface Keyboard {
  readonly isTerminal: boolean;
  bytes(): AsyncIterable<Uint8Array>;
  /** Each key at once and unshown, also those that would end us; only of a terminal. */
  setRaw(raw: boolean): void;
  /** Reads no more: what is not read yet does not keep us from ending. */
  close(): void;
  /** Undefined without a terminal. */
  size(): { columns: number; rows: number } | undefined;
  /** @returns how to stop listening */
  onResize: (listener: () => void) => () => void;
}

export interface GlobalOptions extends ConnectionOptions {
  namespace?: string;
}

/** What every command gets: the daemon's API, the namespace and the terminal. */
export class CliContext {
  readonly terminal: Terminal;
  readonly client: ApiClient;
  readonly namespace: string;

  constructor(terminal: Terminal, options: GlobalOptions) {
    this.terminal = terminal;
    const endpoint = findEndpoint(options, terminal.environment, terminal.uid);
    // An empty one is none, as of a variable that is not set.
    this.namespace = options.namespace || endpoint.namespace || 'default';
    const warn = (text: string): void => terminal.err(`Warning: ${text}\n`);
    this.client = new ApiClient(endpoint, warn, terminal.signal);
  }
}

export function contextOf(command: Command, terminal: Terminal): CliContext {
  return new CliContext(terminal, command.optsWithGlobals<GlobalOptions>());
}

/** The API path of a kind's collection, or of one object. `namespace` undefined asks for all namespaces. @throws CliError for what no object can be called */
export function apiPath(kind: KindDefinition, namespace: string | undefined, name?: string, subresource?: string): string {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${apiVersionOf(kind)}`;
  const scope = kind.namespaced && namespace !== undefined ? `/namespaces/${segment('namespace', namespace)}` : '';
  const tail = name === undefined ? '' : `/${segment('resource name', name)}`;
  return `${root}${scope}/${kind.plural}${tail}${subresource === undefined ? '' : `/${subresource}`}`;
}

/** Of a path: an empty word would mean all objects, `..` what they are in, and both could be deleted. Source: apimachinery, IsValidPathSegmentName. */
function segment(what: string, word: string): string {
  if (word === '') throw new CliError(`${what} may not be empty`, EXIT_USAGE);
  if (word === '.' || word === '..') throw new CliError(`invalid ${what} "${word}": it may not be '${word}'`, EXIT_USAGE);
  const [found] = /[/%]/.exec(word) ?? [];
  if (found !== undefined) throw new CliError(`invalid ${what} "${word}": it may not contain '${found}'`, EXIT_USAGE);
  return encodeURIComponent(word);
}
