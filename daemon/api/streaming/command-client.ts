import { KithError } from '../../../protocol/errors.ts';
import type { OutputChunk, TerminalSize } from '../../ports/streams.ts';
import type { StatusBody } from '../status.ts';

export type ClientEvent = { type: 'input'; bytes: Uint8Array } | { type: 'inputEnd' } | { type: 'resize'; size: TerminalSize };

/** The person's end of an exec or attach, whatever it is spoken over. */
export interface CommandClient {
  /** Ends, or throws, when the client is gone. */
  readonly events: AsyncIterable<ClientEvent>;
  write(chunk: OutputChunk): Promise<void>;
  /** The last word: how it ended. */
  finish(status: CommandStatus): Promise<void>;
  ping(): Promise<void>;
}

/** A Status as version 4 of the stream protocol sends it: clients take the exit code from its causes. */
export type CommandStatus = Pick<StatusBody, 'metadata' | 'status'> & {
  message?: string;
  reason?: string;
  details?: object;
  code?: number;
};

export interface CommandOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

export function exitStatus(code: number): CommandStatus {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

export function failureStatus(error: unknown): CommandStatus {
  const text = error instanceof Error ? error.message : String(error);
  const missing = error instanceof KithError && error.code === 'NotFound';
  return { metadata: {}, status: 'Failure', message: text, reason: missing ? 'NotFound' : 'InternalError', code: missing ? 404 : 500 };
}

/** `{"Width":80,"Height":24}`. Undefined for what is none. */
export function readSize(bytes: Uint8Array): TerminalSize | undefined {
  try {
    const { Width, Height } = JSON.parse(Buffer.from(bytes).toString()) as { Width?: unknown; Height?: unknown };
    if (isSize(Width) && isSize(Height)) return { columns: Width, rows: Height };
  } catch {
    // A size that can not be read changes nothing.
  }
  return undefined;
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 0xffff;
}
