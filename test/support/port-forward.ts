import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Clients } from './kubectl.ts';
import type { KubectlPeers } from './kubectl-peers.ts';

export interface PortForward {
  /** Where the first port is. */
  url: string;
  errors: () => string;
  stop: () => Promise<void>;
}

const PATIENCE_MS = 15_000;

/** A `kubectl port-forward` that runs; `words` are a pod and its ports. */
export async function portForward(clients: Clients, real: KubectlPeers, words: readonly string[], peer: number): Promise<PortForward> {
  return listening(clients, real, ['port-forward', '--address', '127.0.0.1', ...words], peer);
}

/** A `kubectl proxy` that runs, on a port of its own choice. */
export async function apiProxy(clients: Clients, real: KubectlPeers, peer: number): Promise<PortForward> {
  return listening(clients, real, ['proxy', '--port=0'], peer);
}

async function listening(clients: Clients, real: KubectlPeers, words: readonly string[], peer: number): Promise<PortForward> {
  const child = spawn(clients.kubectl, words, {
    env: { PATH: process.env['PATH'] ?? '', HOME: real.home, KUBECONFIG: real.kubeconfig(peer) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  let [out, err] = ['', ''];
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    const port = /(?:Forwarding from|Starting to serve on) 127\.0\.0\.1:(\d+)/.exec(out)?.[1];
    if (port !== undefined) resolve(`http://127.0.0.1:${port}`);
  });
  const late = setTimeout(() => reject(new Error(`kubectl ${words[0]} does not begin: ${err}`)), PATIENCE_MS);
  child.once('close', (code) => reject(new Error(`kubectl ${words[0]} has ended with ${code}: ${err}`)));
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  try {
    return { url: await promise, errors: () => err, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(late);
  }
}
