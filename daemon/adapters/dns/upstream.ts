import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Clock } from '../../ports/clock.ts';
import { DNS_LIMITS } from './limits.ts';
import { isAnswerTo, isTruncated, leastTtlSeconds } from './message.ts';

export interface Server {
  host: string;
  port: number;
}

/** Questions about other names: passed on as they are to the servers that this host asks itself, one after the other. Answers are kept for a short while. */
export class Upstream {
  readonly #clock: Clock;
  readonly #servers: readonly Server[];
  readonly #cache = new Map<string, { answer: Uint8Array; until: number }>();
  #waiting = 0;

  constructor(deps: { clock: Clock }, servers: readonly Server[]) {
    this.#clock = deps.clock;
    this.#servers = servers.slice(0, DNS_LIMITS.upstreams);
  }

  /** @returns undefined when nobody answers. @param key what makes two questions one */
  async ask(question: Uint8Array, key: string, tcp: boolean): Promise<Uint8Array | undefined> {
    const cacheKey = `${tcp}/${key}`;
    const kept = this.#cache.get(cacheKey);
    if (kept !== undefined && kept.until > this.#clock.monotonic()) return withId(kept.answer, idOf(question));
    if (this.#waiting >= DNS_LIMITS.forwarded) return undefined;
    this.#waiting += 1;
    try {
      for (const server of this.#servers) {
        // An id of our own, so that nobody who knows the asker's can answer in the server's place.
        const sent = withId(question, randomInt(0x10000));
        const answer = await (tcp ? this.#overTcp(server, sent) : this.#overUdp(server, sent)).catch(() => undefined);
        if (answer === undefined) continue;
        this.#keep(cacheKey, answer);
        return withId(answer, idOf(question));
      }
      return undefined;
    } finally {
      this.#waiting -= 1;
    }
  }

  #keep(key: string, answer: Uint8Array): void {
    const seconds = Math.min(DNS_LIMITS.cachedSeconds, isTruncated(answer) ? 0 : (leastTtlSeconds(answer) ?? 0));
    if (seconds <= 0) return;
    const [oldest] = this.#cache.keys();
    if (this.#cache.size >= DNS_LIMITS.cached && oldest !== undefined) this.#cache.delete(oldest);
    this.#cache.set(key, { answer, until: this.#clock.monotonic() + seconds * 1000 });
  }

  async #overUdp({ host, port }: Server, question: Uint8Array): Promise<Uint8Array> {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    try {
      return await this.#within((resolve, reject) => {
        socket.on('error', reject);
        socket.on('message', (bytes) => {
          if (isAnswerTo(question, bytes)) resolve(bytes);
        });
        socket.connect(port, host, () => socket.send(question));
      });
    } finally {
      socket.close();
    }
  }

  async #overTcp({ host, port }: Server, question: Uint8Array): Promise<Uint8Array> {
    const socket = connect({ host, port });
    try {
      return await this.#within((resolve, reject) => {
        let got = Buffer.alloc(0);
        socket.on('error', reject);
        socket.on('close', () => reject(new Error('it ended the connection')));
        socket.on('data', (bytes) => {
          got = Buffer.concat([got, bytes]);
          if (got.byteLength < 2 || got.byteLength < 2 + got.readUInt16BE(0)) return;
          const answer = got.subarray(2, 2 + got.readUInt16BE(0));
          if (isAnswerTo(question, answer)) resolve(answer);
          else reject(new Error('it answered something else'));
        });
        socket.write(framed(question));
      });
    } finally {
      socket.destroy();
    }
  }

  async #within(work: (resolve: (answer: Uint8Array) => void, reject: (error: Error) => void) => void): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(DNS_LIMITS.upstreamMs, () => reject(new Error('it does not answer')));
      work(
        (answer) => {
          cancel();
          resolve(answer);
        },
        (error) => {
          cancel();
          reject(error);
        },
      );
    });
  }
}

/** As it goes over TCP. */
export function framed(message: Uint8Array): Uint8Array {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.byteLength);
  return Buffer.concat([length, message]);
}

function idOf(message: Uint8Array): number {
  return Buffer.from(message).readUInt16BE(0);
}

function withId(message: Uint8Array, id: number): Uint8Array {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}
