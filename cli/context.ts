import type { Command } from 'commander';
import { apiVersionOf, type KindDefinition } from '../protocol/kinds/kind.ts';
import { ApiClient } from './client.ts';
import { findEndpoint, type ConnectionOptions } from './connection.ts';

/** Where a command reads and writes; tests hand in their own. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Whether a person watches: progress and colour are for them only. */
  interactive: boolean;
  environment: Readonly<Record<string, string | undefined>>;
  uid: number;
  readStdin(): Promise<string>;
  signal: AbortSignal;
  now(): number;
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
    this.namespace = options.namespace ?? 'default';
    this.client = new ApiClient(findEndpoint(options, terminal.environment, terminal.uid), (text) => terminal.err(`Warning: ${text}\n`));
  }
}

export function contextOf(command: Command, terminal: Terminal): CliContext {
  return new CliContext(terminal, command.optsWithGlobals<GlobalOptions>());
}

/** The API path of a kind's collection, or of one object. `namespace` undefined asks for all namespaces. */
export function apiPath(kind: KindDefinition, namespace: string | undefined, name?: string, subresource?: string): string {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${apiVersionOf(kind)}`;
  const scope = kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const tail = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `${root}${scope}/${kind.plural}${tail}${subresource === undefined ? '' : `/${subresource}`}`;
}
