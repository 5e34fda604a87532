import { decode, encode } from 'cborg';
import { KithError } from '../../protocol/errors.ts';

/** Frames of relays between peers: 4 bytes of length, big endian, and CBOR. A log line (1 MiB, and the rest of what was read with it) or a piece of a program's output at most. Bytes. */
export const MAX_FRAME_BYTES = 1280 * 1024;
const LENGTH_BYTES = 4;

export interface FailureFrame {
  error: { code: string; message: string };
}

/** CBOR has no `undefined` member that every reader takes. */
export function defined(value: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}

export function frameOf(frame: object): Uint8Array {
  const body = encode(frame);
  const bytes = new Uint8Array(LENGTH_BYTES + body.byteLength);
  new DataView(bytes.buffer).setUint32(0, body.byteLength);
  bytes.set(body, LENGTH_BYTES);
  return bytes;
}

export function failureFrame(error: unknown): FailureFrame {
  const code = error instanceof KithError ? String(error.code) : 'Internal';
  return { error: { code, message: error instanceof Error ? error.message : String(error) } };
}

/** @throws KithError `MalformedStream` for a frame that is too long or no frame */
export async function* readFrames<Frame>(source: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let held: Uint8Array = new Uint8Array(0);
  for await (const chunk of source) {
    const joined = new Uint8Array(held.byteLength + chunk.byteLength);
    joined.set(held);
    joined.set(chunk, held.byteLength);
    let offset = 0;
    while (joined.byteLength - offset >= LENGTH_BYTES) {
      const length = new DataView(joined.buffer, joined.byteOffset + offset).getUint32(0);
      if (length > MAX_FRAME_BYTES)
        throw new KithError('MalformedStream', `a piece of ${length} bytes; at most ${MAX_FRAME_BYTES} are taken`);
      if (joined.byteLength - offset < LENGTH_BYTES + length) break;
      yield readFrame<Frame>(joined.subarray(offset + LENGTH_BYTES, offset + LENGTH_BYTES + length));
      offset += LENGTH_BYTES + length;
    }
    held = joined.slice(offset);
  }
}

function readFrame<Frame>(bytes: Uint8Array): Frame {
  try {
    return decode(bytes) as Frame;
  } catch {
    throw new KithError('MalformedStream', 'a piece of a stream could not be read: do both hosts run the same release?');
  }
}
