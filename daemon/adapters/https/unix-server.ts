import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { KithError } from '../../../protocol/errors.ts';
import type { HttpHandler } from '../../ports/http.ts';
import type { Log } from '../../ports/log.ts';
import { listen } from './listen.ts';
import { RequestLoop, SERVER_OPTIONS } from './server.ts';

/** sockaddr_un holds 108 bytes; Node cuts longer paths silently, and some systems have 104. */
const MAX_SOCKET_PATH_BYTES = 100;
/** How long another daemon may take to accept before its socket counts as stale. */
const ANSWER_MS = 1_000;

export interface UnixServerOptions {
  path: string;
  /** Of the folder, when it has to be made. */
  directoryMode?: number;
}

/** Serves the API on a unix socket that only its owner can open: who opens it has every right. */
export class UnixServer {
  private readonly deps: { handler: HttpHandler; log: Log };
  private readonly options: UnixServerOptions;
  private readonly loop: RequestLoop;
  private server: Server | undefined;

  constructor(deps: { handler: HttpHandler; log: Log }, options: UnixServerOptions) {
    this.deps = deps;
    this.options = options;
    this.loop = new RequestLoop({ ...deps, identify: () => ({ credential: { type: 'socket' }, remoteAddress: '' }) });
  }

  /** @throws KithError `SocketPathTooLong` | `SocketInUse` */
  async start(signal?: AbortSignal): Promise<void> {
    const { path } = this.options;
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
      throw new KithError(
        'SocketPathTooLong',
        `the socket path ${path} is longer than ${MAX_SOCKET_PATH_BYTES} bytes: choose a shorter one with --socket`,
      );
    }
    await mkdir(dirname(path), { recursive: true, mode: this.options.directoryMode ?? 0o700 });
    await removeStaleSocket(path);
    signal?.throwIfAborted();
    const server = createServer(SERVER_OPTIONS);
    this.loop.attach(server);
    // The file is made inside listen(), synchronously: with this mask nobody else can open it even for a moment.
    const mask = process.umask(0o177);
    try {
      const listening = listen(server, { path }, '--socket');
      process.umask(mask);
      await listening;
    } finally {
      process.umask(mask);
    }
    await chmod(path, 0o600);
    this.server = server;
    this.deps.log.info('the API listens on a socket', { path });
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (server !== undefined) await this.loop.stop(server);
  }
}

/** Takes away the socket of a daemon that is gone; never one that somebody answers on. */
async function removeStaleSocket(path: string): Promise<void> {
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(path);
    const done = (result: string): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(ANSWER_MS, () => done('answers'));
    socket.once('connect', () => done('answers'));
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error'));
  });
  if (answer === 'ENOENT') return;
  // A plain file refuses, too: it is not ours to remove.
  if (answer === 'ECONNREFUSED' && (await lstat(path)).isSocket()) return unlink(path);
  const why = answer === 'answers' ? 'another daemon answers on it: stop it' : `it can't be opened (${answer}): remove it`;
  throw new KithError('SocketInUse', `the socket ${path} is taken: ${why}, or choose another with --socket`);
}
