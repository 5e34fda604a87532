import net from 'node:net';
import type { Command } from 'commander';
import type { KubeObject } from '../../protocol/objects.ts';
import { CHANNEL, channelMessage, PORT_CHANNEL_PROTOCOLS } from '../../protocol/streaming/channels.ts';
import type { ByteStream } from '../../protocol/streaming/byte-stream.ts';
import type { MessagePiece } from '../../protocol/streaming/web-socket.ts';
import type { Pod, ServiceSpec } from '../../protocol/types.ts';
import { apiPath, contextOf, type CliContext, type Terminal } from '../context.ts';
import { CliError, EXIT_USAGE } from '../errors.ts';
import { podOf } from '../pods.ts';
import { byteStreamOf, openChannels } from '../streaming.ts';
import { parseOne, requireKind } from '../targets.ts';

/** Connections that are forwarded at the same time; more wait. */
const MAX_CONNECTIONS = 256;
const FIRST_BYTES = 2;

interface ForwardOptions {
  address: string[];
}

type Service = KubeObject & { spec: ServiceSpec };

interface PortPair {
  /** 0: any that is free. */
  local: number;
  remote: number;
}

export function addPortForward(program: Command, terminal: Terminal): void {
  program
    .command('port-forward')
    .description('Make ports of a pod reachable here, until you end it')
    .argument('<pod>', 'POD, or KIND/NAME of what has pods, such as svc/web')
    .argument('<ports...>', '[LOCAL:]REMOTE; ":REMOTE" takes a free port here; REMOTE may be a name')
    .option('--address <address...>', 'addresses of this host to listen at, separated by commas', ['localhost'])
    .addHelpText(
      'after',
      '\nExamples:\n  kith port-forward web 8080:80\n  kith port-forward svc/web :http\n  kith port-forward deploy/db 5432',
    )
    .action(async (word: string, ports: string[], options: ForwardOptions, command: Command) =>
      forward(contextOf(command, terminal), word, ports, options),
    );
}

async function forward(context: CliContext, word: string, words: readonly string[], options: ForwardOptions): Promise<void> {
  const addresses = options.address.flatMap((text) => text.split(',')).map((text) => (text === 'localhost' ? '127.0.0.1' : text));
  // To Node it would be every address of this host.
  if (addresses.includes('')) throw new CliError(`--address ${options.address.join(' ')}: an address is empty`, EXIT_USAGE);
  const pod = await podOf(context, word);
  const service = await serviceOf(context, word);
  const pairs = words.map((text) => portPair(text, pod, service));
  const servers: net.Server[] = [];
  try {
    for (const pair of pairs) for (const address of addresses) servers.push(await listen(context, pod, pair, address));
    await new Promise<void>((resolve) => {
      if (context.terminal.signal.aborted) resolve();
      else context.terminal.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    for (const server of servers) server.close();
  }
}

async function serviceOf(context: CliContext, word: string): Promise<Service | undefined> {
  const { kind, name } = parseOne([word], 'pods');
  if (kind.kind !== 'Service') return undefined;
  return (await context.client.get<KubeObject>(apiPath(kind, context.namespace, name))) as Service;
}

function portPair(text: string, pod: Pod, service: Service | undefined): PortPair {
  const [first = '', second, ...more] = text.split(':');
  const remoteText = second ?? first;
  if (more.length > 0 || remoteText === '') throw new CliError(`${text}: expected REMOTE, LOCAL:REMOTE or :REMOTE`, EXIT_USAGE);
  const asked = service === undefined ? podPort(remoteText, pod) : podPort(String(targetOf(remoteText, service)), pod);
  const local = second === undefined ? (numberOf(first) ?? asked) : first === '' ? 0 : numberOf(first);
  if (local === undefined) throw new CliError(`${text}: "${first}" is no port: give a number from 1 to 65535`, EXIT_USAGE);
  return { local, remote: asked };
}

/** What a Service's port leads to. @throws CliError that names the ports it has */
function targetOf(text: string, service: Service): number | string {
  const ports = service.spec.ports ?? [];
  const found = ports.find(({ name, port }) => name === text || String(port) === text);
  if (found !== undefined) return found.targetPort ?? found.port;
  const names = ports.map(({ name, port }) => (name === undefined ? String(port) : `${port} (${name})`)).join(', ');
  throw new CliError(`Service ${service.metadata.name} does not have a service port ${text}; it has ${names}`, EXIT_USAGE);
}

function podPort(text: string, pod: Pod): number {
  const number = numberOf(text);
  if (number !== undefined) return number;
  if (/^\d+$/.test(text)) throw new CliError(`${text} is no port: give a number from 1 to 65535`, EXIT_USAGE);
  const named = pod.spec.containers.flatMap(({ ports = [] }) => ports).find(({ name }) => name === text);
  if (named === undefined) throw new CliError(`pod ${pod.metadata.name} does not have a named port "${text}"`, EXIT_USAGE);
  return named.containerPort;
}

function numberOf(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

async function listen(context: CliContext, pod: Pod, pair: PortPair, address: string): Promise<net.Server> {
  // Either direction may end by itself, as in a pod.
  const server = net.createServer({ allowHalfOpen: true }, (connection) => void carry(context, pod, pair.remote, connection));
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new CliError(
          `cannot listen at ${address}:${pair.local} (${error.code ?? error.message}): choose another port, as in ":${pair.remote}"`,
        ),
      ),
    );
    server.listen(pair.local, address, resolve);
  });
  const { port } = server.address() as net.AddressInfo;
  context.terminal.out(`Forwarding from ${net.isIPv6(address) ? `[${address}]` : address}:${port} -> ${pair.remote}\n`);
  return server;
}

/** One connection: a WebSocket of its own, with a channel for data and one for what goes wrong. */
async function carry(context: CliContext, pod: Pod, port: number, connection: net.Socket): Promise<void> {
  const { terminal, client } = context;
  const ended = new AbortController();
  connection.once('close', () => ended.abort());
  connection.on('error', () => undefined);
  try {
    const path = apiPath(requireKind('pods'), pod.metadata.namespace, pod.metadata.name, 'portforward');
    const query = new URLSearchParams({ ports: String(port) });
    const signal = AbortSignal.any([terminal.signal, ended.signal]);
    const { socket, destroy } = await openChannels(client, path, query, PORT_CHANNEL_PROTOCOLS, signal);
    const local = byteStreamOf(connection);
    const sending = (async () => {
      for await (const bytes of local.source) await socket.send(channelMessage(CHANNEL.stdin, bytes));
      await socket.send(Uint8Array.of(CHANNEL.close, CHANNEL.stdin));
    })().catch(() => connection.destroy());
    const problem = await receive(socket.messages(), local);
    if (problem !== undefined) throw new Error(problem);
    await sending;
    destroy();
  } catch (error) {
    if (!terminal.signal.aborted && !ended.signal.aborted)
      terminal.err(`error: a connection to port ${port} of pod ${pod.metadata.name}: ${(error as Error).message}\n`);
    connection.destroy();
  }
}

/** Gives data on until the pod's end, or what went wrong. */
async function receive(messages: AsyncIterable<MessagePiece>, local: ByteStream): Promise<string | undefined> {
  // Each channel's first message is the port.
  const skip = [FIRST_BYTES, FIRST_BYTES];
  let problem = '';
  let channel: number | undefined;
  for await (const piece of messages) {
    let { bytes } = piece;
    if (channel === undefined && bytes.byteLength > 0) {
      channel = bytes[0];
      bytes = bytes.subarray(1);
    }
    if (channel === CHANNEL.close) await local.end();
    else if (channel !== undefined && channel < skip.length) {
      const skipped = Math.min(skip[channel] ?? 0, bytes.byteLength);
      skip[channel] = (skip[channel] ?? 0) - skipped;
      bytes = bytes.subarray(skipped);
      if (bytes.byteLength > 0 && channel === 0) await local.write(bytes);
      else if (bytes.byteLength > 0) problem = (problem + Buffer.from(bytes).toString('utf8')).slice(0, 4096);
    }
    if (piece.last) {
      channel = undefined;
      if (problem !== '') return problem;
    }
  }
  await local.end();
  return undefined;
}
