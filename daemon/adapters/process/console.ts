/**
 * Program of its own (bundled as `console.js`): stands between the shim and the program of a container that has a terminal or an open standard input, so that people can
 * attach to it byte by byte; a log holds lines. It serves a unix socket in the attempt's folder, and hands all output to the shim for the log. It outlives the daemon.
 * Words: FOLDER OPTIONS PROGRAM ARGS…, OPTIONS being the JSON of {@link ConsoleOptions}.
 */
import { spawn } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { CONSOLE_SOCKET, consoleFrame, ConsoleDecoder, FROM_CONSOLE, TO_CONSOLE, type ConsoleOptions } from './console-frames.ts';
import { Terminal } from './terminal.ts';

/** At most so many watch one program at once. */
const MAX_CLIENTS = 16;
/** What the program has started may keep its output open after its end. */
const LINGER_MS = 500;
/** For clients to take the last of the output. */
const LAST_WORDS_MS = 5_000;

const [folder = '.', text = '{}', ...argv] = process.argv.slice(2);
const options = JSON.parse(text) as ConsoleOptions;
const clients = new Set<Socket>();
const terminal = options.tty ? Terminal.at(folder) : undefined;
const workingDir = process.cwd();

const server = createServer((client) => serve(client));
server.maxConnections = MAX_CLIENTS;
// A path relative to the folder: absolute ones may be longer than a socket's address holds.
process.chdir(folder);
server.listen(CONSOLE_SOCKET, () => run());

function run(): void {
  process.chdir(workingDir);
  const [program = '', ...words] = terminal?.command(argv) ?? argv;
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...terminal?.env } });
  child.stdin.on('error', () => undefined);
  if (!options.stdin && !options.tty) child.stdin.end();
  takeInput = (bytes) => child.stdin.write(bytes) || child.stdin.destroyed;
  endInput = () => child.stdin.end();
  child.stdin.on('drain', () => clients.forEach((client) => client.resume()));
  child.stdin.on('close', () => clients.forEach((client) => client.resume()));
  publish(child.stdout, process.stdout, FROM_CONSOLE.stdout);
  publish(child.stderr, process.stderr, FROM_CONSOLE.stderr);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    end(127);
  });
  child.once('exit', (code, signal) => {
    const result = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
    const linger = setTimeout(() => end(result), LINGER_MS);
    child.once('close', () => {
      clearTimeout(linger);
      end(result);
    });
  });
}

let takeInput: (bytes: Uint8Array) => boolean = () => true;
let endInput: () => void = () => undefined;

/** To the log, and to all who watch: the program waits for the slowest of them. */
function publish(output: Readable, log: NodeJS.WriteStream, stream: number): void {
  output.on('data', (bytes: Buffer) => {
    log.write(bytes);
    for (const client of clients) {
      if (client.writable && !client.write(consoleFrame(stream, bytes))) waitFor(client, output);
    }
  });
}

function waitFor(client: Socket, output: Readable): void {
  output.pause();
  const go = (): void => {
    client.off('drain', go);
    client.off('close', go);
    output.resume();
  };
  client.on('drain', go);
  client.on('close', go);
}

function serve(client: Socket): void {
  clients.add(client);
  let speaks = false;
  const decoder = new ConsoleDecoder();
  client.on('data', (chunk: Buffer) => {
    for (const { type, payload } of decoder.push(chunk)) {
      if (type === TO_CONSOLE.input) {
        speaks = true;
        if (!takeInput(payload)) client.pause();
      } else if (type === TO_CONSOLE.size) {
        void terminal?.resize(JSON.parse(payload.toString()) as { columns: number; rows: number });
      } else if (type === TO_CONSOLE.end) {
        speaks = true;
        if (options.once) endInput();
      }
    }
  });
  client.on('error', () => undefined);
  client.once('close', () => {
    clients.delete(client);
    if (options.once && speaks) endInput();
  });
}

function end(code: number): void {
  server.close();
  const gone = [...clients].map((client) => new Promise<void>((resolve) => client.once('close', resolve)));
  for (const client of clients) client.end();
  setTimeout(() => process.exit(code), LAST_WORDS_MS).unref();
  void Promise.all(gone).then(() => process.exit(code));
}
