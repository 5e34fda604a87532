import { createInflate, constants, type Inflate } from 'node:zlib';
import { STREAMING_LIMITS } from './limits.ts';
import { SPDY_DICTIONARY, SPDY_DICTIONARY_ID } from './spdy-dictionary.ts';
import { SpdyViolation } from './spdy-frames.ts';

export type SpdyHeaders = ReadonlyMap<string, string>;

/** A stored block of RFC 1951 holds this much at most. */
const MAX_STORED_BYTES = 0xffff;
/** An empty stored block: a flush. Go's reader gives out what was before one, and fails for good where it finds none. */
const FLUSH = Buffer.from([0, 0, 0, 0xff, 0xff]);

/** Unpacks the header blocks of one direction of a connection: they are one zlib stream, each block ended by a flush. */
export class HeaderUnpacker {
  readonly #inflate: Inflate;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #failure: Error | undefined;

  constructor() {
    this.#inflate = createInflate({ dictionary: SPDY_DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH, chunkSize: 4 * 1024 });
    this.#inflate.on('error', (error) => (this.#failure = error));
    this.#inflate.on('data', (chunk: Buffer) => {
      this.#bytes += chunk.byteLength;
      if (this.#bytes <= STREAMING_LIMITS.spdyHeaderBytes) this.#chunks.push(chunk);
      else this.#inflate.destroy(new Error(`headers of more than ${STREAMING_LIMITS.spdyHeaderBytes} bytes`));
    });
  }

  /** One block after the other. @throws SpdyViolation */
  async unpack(block: Uint8Array): Promise<SpdyHeaders> {
    [this.#chunks, this.#bytes] = [[], 0];
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#inflate.off('close', done);
        resolve();
      };
      this.#inflate.on('close', done);
      this.#inflate.write(block, done);
    });
    if (this.#failure !== undefined) throw new SpdyViolation(`headers that can not be unpacked: ${this.#failure.message}`);
    return readPairs(Buffer.concat(this.#chunks, this.#bytes));
  }

  close(): void {
    this.#inflate.destroy();
  }
}

/** Packs header blocks without making them smaller: ours are a few bytes, and a deflate state is 256 KiB a connection. */
export class HeaderPacker {
  #begun = false;

  pack(headers: Readonly<Record<string, string>>): Uint8Array {
    const pairs = writePairs(headers);
    if (pairs.byteLength > MAX_STORED_BYTES) throw new RangeError(`headers of ${pairs.byteLength} bytes`);
    const stored = Buffer.alloc(5);
    stored.writeUInt16LE(pairs.byteLength, 1);
    stored.writeUInt16LE(~pairs.byteLength & 0xffff, 3);
    return Buffer.concat([this.#begin(), stored, pairs, FLUSH]);
  }

  /** The head of a zlib stream that has a dictionary (RFC 1950, 2.2). */
  #begin(): Buffer {
    if (this.#begun) return Buffer.alloc(0);
    this.#begun = true;
    const head = Buffer.from([0x78, 0xbb, 0, 0, 0, 0]);
    head.writeUInt32BE(SPDY_DICTIONARY_ID, 2);
    return head;
  }
}

/** Names and values with their lengths before them, after their count. Several values of one name are parted by NUL. */
function readPairs(block: Buffer): SpdyHeaders {
  let offset = 0;
  const number = (): number => {
    if (offset + 4 > block.byteLength) throw new SpdyViolation('headers that end too early');
    offset += 4;
    return block.readUInt32BE(offset - 4);
  };
  const text = (): string => {
    const length = number();
    if (offset + length > block.byteLength) throw new SpdyViolation('headers that end too early');
    offset += length;
    return block.toString('latin1', offset - length, offset);
  };
  const headers = new Map<string, string>();
  for (let left = number(); left > 0; left -= 1) {
    const name = text().toLowerCase();
    headers.set(name, text());
  }
  return headers;
}

function writePairs(headers: Readonly<Record<string, string>>): Buffer {
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const text = (value: string): Buffer[] => [number(Buffer.byteLength(value, 'latin1')), Buffer.from(value, 'latin1')];
  const entries = Object.entries(headers);
  return Buffer.concat([number(entries.length), ...entries.flatMap(([name, value]) => [...text(name), ...text(value)])]);
}
