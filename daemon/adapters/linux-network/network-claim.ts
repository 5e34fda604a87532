/**
 * Which cluster's daemons lead the packets of this network namespace. A name in the kernel's own list of sockets says so: it is seen by whoever shares the network, and by
 * nobody else, and goes with the process. Like a port it can be taken by any program of the host: whoever does keeps kithd from leading packets, and gains nothing.
 */
import { createHash } from 'node:crypto';
import net from 'node:net';

const NAME = '\0kith/network';
/** A daemon that was just ended may hold the name for a moment, … */
const RETRY_MS = 100;
/** … in ms. */
const TRY_MS = 2_000;
const ANSWER_MS = 1_000;
const MAX_ANSWER_CHARS = 1_000;

export interface NetworkHolder {
  cluster: string;
  node: string;
}

/**
 * Takes the network for a cluster, until this process ends.
 * @returns who holds it: `own`, or a daemon that was there before and holds on; of the same cluster, it may be shared
 */
export async function claimNetwork(own: NetworkHolder, { name = NAME, tryMs = TRY_MS } = {}): Promise<NetworkHolder> {
  const until = performance.now() + tryMs;
  for (;;) {
    if (await listen(own, name)) return own;
    const holder = await askHolder(name);
    if (holder?.cluster === own.cluster && holder.node !== own.node) return holder;
    if (performance.now() >= until) return holder ?? { cluster: '', node: '' };
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** Tells that this daemon leads packets here, whoever else does: until this process ends. */
export async function tellOfRunning(own: NetworkHolder): Promise<void> {
  await claimNetwork(own, { name: ownName(own) });
}

/** Whether that daemon leads packets here now. */
export async function runsHere(daemon: NetworkHolder): Promise<boolean> {
  const holder = await askHolder(ownName(daemon));
  return holder?.cluster === daemon.cluster && holder.node === daemon.node;
}

/** Names of such sockets are short. */
function ownName({ cluster, node }: NetworkHolder): string {
  return `${NAME}/${createHash('sha256').update(`${cluster}\0${node}`).digest('hex').slice(0, 16)}`;
}

function listen(own: NetworkHolder, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    // Who asks and does not hang up is hung up on: any program of the host may.
    const server = net.createServer((asker) => {
      asker.on('error', () => undefined).end(JSON.stringify(own));
      const hangUp = setTimeout(() => asker.destroy(), ANSWER_MS).unref();
      asker.once('close', () => clearTimeout(hangUp));
    });
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen({ path }, () => {
      server.unref();
      resolve(true);
    });
  });
}

/** Undefined where nobody answers, or not like kithd. */
function askHolder(path: string): Promise<NetworkHolder | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect({ path, timeout: ANSWER_MS });
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.length > MAX_ANSWER_CHARS) socket.destroy();
    });
    socket.on('timeout', () => socket.destroy()).on('error', () => undefined);
    socket.once('close', () => resolve(readHolder(text)));
  });
}

function readHolder(text: string): NetworkHolder | undefined {
  try {
    const { cluster, node } = JSON.parse(text) as Partial<Record<keyof NetworkHolder, unknown>>;
    return typeof cluster === 'string' && typeof node === 'string' ? { cluster, node } : undefined;
  } catch {
    return undefined;
  }
}
