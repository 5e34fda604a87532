import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { KithError } from '../../../protocol/errors.ts';
import type { ByteStream } from '../../ports/streams.ts';
import { socketStream } from '../socket/socket-stream.ts';
import { isOfContainer } from './cgroup.ts';

/** Each is a process of its own, some 40 MB. */
const MAX_INSIDE = 16;
const REFUSED = '-'.charCodeAt(0);

/** Runs in the pod's network namespace with this host's Node.js: says `+` and carries bytes, or `-` and why not. */
const PROGRAM = `
const { connect } = require('node:net');
const tell = (text) => process.stdout.write(text);
const attempt = (hosts) => {
  const socket = connect({ host: hosts[0], port: Number(process.argv[1]), allowHalfOpen: true });
  socket.once('error', (error) => {
    if (hosts.length > 1) attempt(hosts.slice(1));
    else { tell('-' + error.message); process.exitCode = 1; process.stdin.destroy(); }
  });
  socket.once('connect', () => {
    socket.removeAllListeners('error').on('error', () => process.exit(1)).on('close', () => process.exit(0));
    tell('+');
    process.stdin.pipe(socket);
    socket.pipe(process.stdout);
    socket.once('end', () => socket.end());
  });
};
attempt(['127.0.0.1', '::1']);
`;

let inside = 0;

export interface InsideTarget {
  /** Of a process of the pod, on this host. */
  pid: number;
  containerId: string;
  port: number;
}

/**
 * A connection from inside the pod's network namespace, for what listens on its 127.0.0.1 only. Undefined where this daemon can not enter it (it takes root, and
 * nsenter, and an engine on this host), or nothing listens there either.
 */
export async function connectInside({ pid, containerId, port }: InsideTarget, signal: AbortSignal): Promise<ByteStream | undefined> {
  if (process.getuid?.() !== 0 || pid <= 0 || !(await isOfContainer(pid, containerId))) return undefined;
  if (inside >= MAX_INSIDE) throw new KithError('ConnectionRefused', `more than ${MAX_INSIDE} connections to 127.0.0.1 of pods are open`);
  const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, '--', process.execPath, '-e', PROGRAM, String(port)], {
    stdio: ['pipe', 'pipe', 'ignore'],
    signal,
    killSignal: 'SIGKILL',
    env: {},
  });
  inside += 1;
  child.once('close', () => (inside -= 1));
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  const [first] = (await Promise.race([once(child.stdout, 'data'), once(child, 'close')])) as [unknown];
  child.stdout.pause();
  if (!(first instanceof Uint8Array) || first[0] === REFUSED) return undefined;
  if (first.byteLength > 1) child.stdout.unshift(first.subarray(1));
  return socketStream(Duplex.from({ readable: child.stdout, writable: child.stdin }));
}
