import type { ByteStream, ProcessStreams } from '../ports/streams.ts';
import type { PeerStream } from '../ports/transport.ts';
import { linkSignals } from './linked-signal.ts';
import { failureFrame, frameOf, readFrames } from './relay-frames.ts';
import { cutPieces, type FromAsker, type FromProcess } from './relay-words.ts';

/** Runs one exec or attach for another peer, until the program has ended or the asker is gone. */
export async function serveProcess(
  stream: PeerStream,
  open: (signal: AbortSignal) => Promise<ProcessStreams>,
  signal: AbortSignal,
): Promise<void> {
  const done = new AbortController();
  const both = linkSignals(signal, done.signal);
  const say = (frame: FromProcess): Promise<void> => stream.write(frameOf(frame));
  try {
    const process = await open(both.signal);
    await say({ open: true });
    void takeOrders(stream, process).catch((error: unknown) => done.abort(error));
    for await (const { stream: from, bytes } of process.output)
      for (const piece of cutPieces(bytes)) await say({ out: [from === 'stdout' ? 1 : 2, piece] });
    await say({ exit: await process.exitCode() });
  } catch (error) {
    if (signal.aborted) return;
    await say(failureFrame(error));
  } finally {
    done.abort(new Error('the program has ended'));
    both.release();
  }
  await stream.end();
}

async function takeOrders(stream: PeerStream, process: ProcessStreams): Promise<void> {
  for await (const frame of readFrames<FromAsker>(stream.source)) {
    if ('in' in frame) await process.write(frame.in);
    else if ('size' in frame) await process.resize({ columns: frame.size[0], rows: frame.size[1] });
    else if ('eof' in frame) await process.endInput();
  }
}

/** Connects to a pod for another peer, and copies both ways. */
export async function serveConnection(
  stream: PeerStream,
  open: (signal: AbortSignal) => Promise<ByteStream>,
  signal: AbortSignal,
): Promise<void> {
  let connection: ByteStream;
  try {
    connection = await open(signal);
  } catch (error) {
    if (signal.aborted) return;
    await stream.write(frameOf(failureFrame(error)));
    return stream.end();
  }
  await stream.write(frameOf({ open: true }));
  const sending = copyIn(stream, connection);
  try {
    for await (const bytes of connection.source) for (const piece of cutPieces(bytes)) await stream.write(frameOf({ data: piece }));
    await stream.write(frameOf({ eof: true }));
    await sending;
  } catch (error) {
    connection.abort(error as Error);
    if (!signal.aborted) await stream.write(frameOf(failureFrame(error)));
  }
  await stream.end();
}

async function copyIn(stream: PeerStream, connection: ByteStream): Promise<void> {
  try {
    for await (const frame of readFrames<{ data: Uint8Array } | { eof: true }>(stream.source)) {
      if ('data' in frame) await connection.write(frame.data);
      else if ('eof' in frame) await connection.end();
    }
  } catch (error) {
    connection.abort(error as Error);
  }
}
