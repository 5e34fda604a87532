/** What the daemon and a container's console say to each other: a byte of type, 4 of length (big endian), and that many bytes. */
export const CONSOLE_SOCKET = 'console.sock';
export const TO_CONSOLE = { input: 0, end: 1, size: 2 } as const;
export const FROM_CONSOLE = { stdout: 1, stderr: 2 } as const;
const HEAD_BYTES = 5;

export interface ConsoleOptions {
  tty: boolean;
  stdin: boolean;
  /** Standard input ends with the first who was attached to it. */
  once: boolean;
}

export interface ConsoleFrame {
  type: number;
  payload: Buffer;
}

export function consoleFrame(type: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head[0] = type;
  head.writeUInt32BE(payload.byteLength, 1);
  return Buffer.concat([head, payload]);
}

/** Frames out of pieces. Both ends are ours and send pieces of what they read themselves, so that none is long. */
export class ConsoleDecoder {
  #held: Buffer = Buffer.alloc(0);

  *push(chunk: Uint8Array): Generator<ConsoleFrame> {
    let rest: Buffer = Buffer.concat([this.#held, chunk]);
    while (rest.length >= HEAD_BYTES) {
      const length = rest.readUInt32BE(1);
      if (rest.length < HEAD_BYTES + length) break;
      yield { type: rest[0] ?? 0, payload: rest.subarray(HEAD_BYTES, HEAD_BYTES + length) };
      rest = rest.subarray(HEAD_BYTES + length);
    }
    this.#held = rest;
  }
}
