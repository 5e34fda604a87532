import { WebSocketStream } from '../../../protocol/streaming/web-socket.ts';
import { CHANNEL_PROTOCOLS } from '../../../protocol/streaming/channels.ts';
import type { Pod } from '../../../protocol/types.ts';
import type { Clock } from '../../ports/clock.ts';
import type { HttpResponse } from '../../ports/http.ts';
import type { ByteStream, ProcessStreams } from '../../ports/streams.ts';
import { chooseContainer, nodeOf, runningContainer } from '../containers.ts';
import type { ApiDeps, ObjectCall } from '../deps.ts';
import { booleanParameter } from '../parameters.ts';
import { existing } from '../reading.ts';
import { ApiError } from '../status.ts';
import type { CommandClient, CommandOptions } from './command-client.ts';
import { STREAMING_LIMITS } from './limits.ts';
import { whilePinged } from './pinging.ts';
import { serveCommand } from './serve-command.ts';
import { CommandStreams, SpdyCommand } from './spdy-command.ts';
import { SpdyConnection } from './spdy-connection.ts';
import { negotiateUpgrade } from './upgrade.ts';
import { WebSocketCommand } from './websocket-command.ts';

const OFFER = { websocket: CHANNEL_PROTOCOLS, spdy: ['v4.channel.k8s.io'] };

/** GET or POST `pods/NAME/exec`. */
export async function execInPod(call: ObjectCall, deps: ApiDeps): Promise<HttpResponse> {
  const command = call.request.query.getAll('command');
  if (command.length === 0 || command[0] === '') throw new ApiError('BadRequest', 'you must specify at least one word of command');
  if (command.length > STREAMING_LIMITS.commandWords)
    throw new ApiError('BadRequest', `a command of ${command.length} words; at most ${STREAMING_LIMITS.commandWords} are taken`);
  return remoteCommand(call, deps, ({ node, podUid, container, options }, signal) =>
    deps.streams.exec(node, { podUid, container, command, tty: options.tty, stdin: options.stdin }, signal),
  );
}

/** GET or POST `pods/NAME/attach`. */
export async function attachToPod(call: ObjectCall, deps: ApiDeps): Promise<HttpResponse> {
  return remoteCommand(call, deps, ({ node, podUid, container, options }, signal) =>
    deps.streams.attach(node, { podUid, container, stdin: options.stdin }, signal),
  );
}

interface Target {
  node: string;
  podUid: string;
  container: string;
  options: CommandOptions;
}

function remoteCommand(
  call: ObjectCall,
  deps: ApiDeps,
  open: (target: Target, signal: AbortSignal) => Promise<ProcessStreams>,
): HttpResponse {
  const { query } = call.request;
  const pod = existing(call, deps) as Pod;
  const options = {
    stdin: booleanParameter(query, 'stdin'),
    stdout: booleanParameter(query, 'stdout'),
    stderr: booleanParameter(query, 'stderr'),
    tty: booleanParameter(query, 'tty'),
  };
  if (!options.stdin && !options.stdout && !options.stderr)
    throw new ApiError('BadRequest', 'you must specify at least 1 of stdin, stdout, stderr');
  const container = chooseContainer(pod, query.get('container') ?? '');
  const node = nodeOf(pod);
  runningContainer(pod, container);
  const target = { node, podUid: pod.metadata.uid, container, options };
  const { via, headers } = negotiateUpgrade(call.request, OFFER);
  const run = (client: CommandClient): Promise<void> =>
    serveCommand(client, options, (signal) => open(target, signal), call.request.signal);
  const upgraded = via === 'websocket' ? overWebSocket(run, deps.clock) : overSpdy(run, options, deps.clock);
  return { status: 101, headers, body: '', upgraded };
}

function overWebSocket(run: (client: CommandClient) => Promise<void>, clock: Clock): (stream: ByteStream) => Promise<void> {
  return async (stream) => {
    const client = new WebSocketCommand(new WebSocketStream(stream));
    await client.greet();
    await whilePinged(client, clock, () => run(client));
  };
}

function overSpdy(run: (client: CommandClient) => Promise<void>, options: CommandOptions, clock: Clock) {
  return async (stream: ByteStream): Promise<void> => {
    const streams = new CommandStreams(options);
    const connection = new SpdyConnection(stream, (each) => streams.take(each));
    const gone = connection.run();
    const ended = new AbortController();
    const lost = (): void => ended.abort();
    gone.then(lost, lost);
    const client = new SpdyCommand(connection, await streams.all(clock, ended.signal), gone);
    await whilePinged(client, clock, () => run(client));
  };
}
