import { KithError } from '../../../protocol/errors.ts';
import type { ProcessStreams } from '../../ports/streams.ts';
import { exitStatus, failureStatus, type CommandClient, type CommandOptions, type CommandStatus } from './command-client.ts';

/** Carries a program's streams to a client and back, until the program ends or the client is gone: then the program's signal fires. */
export async function serveCommand(
  client: CommandClient,
  options: CommandOptions,
  open: (signal: AbortSignal) => Promise<ProcessStreams>,
  connection: AbortSignal,
): Promise<void> {
  const session = new AbortController();
  const gone = new KithError('StreamClosed', 'the client is gone');
  // A client whose input waits for the program is not read, so that only its connection tells that it has gone.
  connection.addEventListener('abort', () => session.abort(gone), { once: true, signal: session.signal });
  if (connection.aborted) session.abort(gone);
  let status: CommandStatus;
  try {
    const process = await openUnlessGone(client, open, session, gone);
    for await (const chunk of process.output) if (options[chunk.stream]) await client.write(chunk);
    status = exitStatus(await process.exitCode());
  } catch (error) {
    if (session.signal.aborted) throw gone;
    status = failureStatus(error);
  }
  try {
    await client.finish(status);
  } finally {
    session.abort(gone);
  }
}

async function openUnlessGone(
  client: CommandClient,
  open: (signal: AbortSignal) => Promise<ProcessStreams>,
  session: AbortController,
  gone: Error,
): Promise<ProcessStreams> {
  const opened = Promise.withResolvers<ProcessStreams>();
  // Orders that come before the program runs wait for it; that the client goes is seen all the same.
  void takeOrders(client, opened.promise).finally(() => session.abort(gone));
  try {
    const process = await open(session.signal);
    opened.resolve(process);
    return process;
  } catch (error) {
    opened.promise.catch(() => undefined);
    opened.reject(error);
    throw error;
  }
}

/** Until the client goes. */
async function takeOrders(client: CommandClient, opened: Promise<ProcessStreams>): Promise<void> {
  try {
    for await (const event of client.events) {
      const process = await opened;
      if (event.type === 'input') await process.write(event.bytes);
      else if (event.type === 'inputEnd') await process.endInput();
      else await process.resize(event.size);
    }
  } catch {
    // A client that breaks off is gone like one that says goodbye; a program that could not be started tells its reason elsewhere.
  }
}
