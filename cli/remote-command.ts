import { CHANNEL, CHANNEL_PROTOCOLS, channelMessage } from '../protocol/streaming/channels.ts';
import type { Keyboard } from './context.ts';
import { CliError } from './errors.ts';
import type { Channels } from './streaming.ts';

export const COMMAND_PROTOCOLS = CHANNEL_PROTOCOLS;

/** Where a command's streams lead. */
export interface CommandStreams {
  /** Undefined: the command reads nothing. */
  input?: AsyncIterable<Uint8Array>;
  stdout(bytes: Uint8Array): Promise<void>;
  stderr(bytes: Uint8Array): Promise<void>;
  /** With a terminal: told how large it is, whenever that changes. */
  keyboard?: Pick<Keyboard, 'size' | 'onResize'>;
}

interface CommandStatus {
  status?: string;
  message?: string;
  details?: { causes?: { reason?: string; message?: string }[] };
}

/** Anything longer on the error channel is no Status. */
const MAX_STATUS_BYTES = 1024 * 1024;

/**
 * Carries the streams of a command that runs in a pod, in the channels of a WebSocket, until it ends. @returns its exit code
 * @throws CliError when it could not be run, or the connection was lost
 */
export async function runRemote(channels: Channels, streams: CommandStreams): Promise<number> {
  const { socket, destroy } = channels;
  const sendSize = (): void => {
    const size = streams.keyboard?.size();
    if (size === undefined) return;
    const text = JSON.stringify({ Width: size.columns, Height: size.rows });
    socket.send(channelMessage(CHANNEL.resize, Buffer.from(text))).catch(() => undefined);
  };
  const stopResizing = streams.keyboard?.onResize(sendSize);
  sendSize();
  let unread: CliError | undefined;
  // That it can not be sent is told by the connection. The command would wait for the rest of what can not be read.
  const cut = (error: unknown): void => {
    if (!(error instanceof CliError)) return;
    unread = error;
    destroy();
  };
  if (streams.input !== undefined) sendInput(channels, streams.input).catch(cut);
  try {
    const status = await receive(channels, streams);
    return exitCodeOf(status);
  } catch (error) {
    throw unread ?? error;
  } finally {
    stopResizing?.();
    destroy();
  }
}

async function sendInput({ socket }: Channels, input: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const bytes of reading(input)) await socket.send(channelMessage(CHANNEL.stdin, bytes));
  await socket.send(Uint8Array.of(CHANNEL.close, CHANNEL.stdin));
}

async function* reading(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* input;
  } catch (error) {
    throw new CliError(`its input can not be read: ${(error as Error).message}`);
  }
}

async function receive({ socket }: Channels, streams: CommandStreams): Promise<CommandStatus> {
  const status: Uint8Array[] = [];
  let statusBytes = 0;
  let channel: number | undefined;
  try {
    for await (const piece of socket.messages()) {
      let { bytes } = piece;
      if (channel === undefined && bytes.byteLength > 0) {
        channel = bytes[0];
        bytes = bytes.subarray(1);
      }
      if (bytes.byteLength > 0) {
        if (channel === CHANNEL.stdout) await streams.stdout(bytes);
        else if (channel === CHANNEL.stderr) await streams.stderr(bytes);
        else if (channel === CHANNEL.error && (statusBytes += bytes.byteLength) <= MAX_STATUS_BYTES) status.push(bytes);
      }
      if (piece.last) channel = undefined;
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (status.length === 0) throw new CliError(`the connection to the command was lost: ${(error as Error).message}`);
  }
  if (status.length === 0) throw new CliError('the connection to the command was lost before it ended');
  return JSON.parse(Buffer.concat(status).toString('utf8')) as CommandStatus;
}

function exitCodeOf(status: CommandStatus): number {
  if (status.status === 'Success') return 0;
  const code = status.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  if (code !== undefined && /^\d+$/.test(code)) return Number(code);
  throw new CliError(status.message ?? 'the command could not be run');
}
