import { connect } from 'node:net';
import type { KernelAnswer } from '../../../protocol/liveness.ts';
import type { Prober } from '../../ports/prober.ts';

/** Addresses tried at once. */
const MAX_ADDRESSES = 4;

/** Finds out by a TCP connect what a host's kernel says for its daemon. */
export class TcpProber implements Prober {
  async connect(peerAddresses: readonly string[], timeoutMs: number): Promise<KernelAnswer> {
    const targets = peerAddresses.flatMap((address) => tcpTarget(address) ?? []).slice(0, MAX_ADDRESSES);
    const answers = await Promise.all(targets.map((target) => connectOnce(target, timeoutMs)));
    return answers.find((answer) => answer === 'accepted') ?? answers.find((answer) => answer === 'refused') ?? 'silent';
  }
}

/** `/ip4/HOST/tcp/PORT…`, also ip6 and dns; undefined when it is no such multiaddr. */
export function tcpTarget(multiaddr: string): { host: string; port: number } | undefined {
  const match = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})(?:\/|$)/.exec(multiaddr);
  return match?.[1] === undefined ? undefined : { host: match[1], port: Number(match[2]) };
}

function connectOnce(target: { host: string; port: number }, timeoutMs: number): Promise<KernelAnswer> {
  return new Promise((resolve) => {
    const socket = connect(target);
    const timer = setTimeout(() => settle('silent'), timeoutMs);
    const settle = (answer: KernelAnswer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle('accepted'));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      settle(error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET' ? 'refused' : 'silent'),
    );
  });
}
