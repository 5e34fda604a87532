import type { OutputChunk } from '../../ports/streams.ts';

const FRAME_HEADER = 8;
const STDERR = 2;

/**
 * A program's output out of an engine's attached stream: plain with a terminal, else frames {stream, 0, 0, 0, length of 4 bytes big endian, bytes} (Engine API,
 * ContainerAttach, "Stream format"). Pieces are passed on as they come, whatever the length of their frame.
 */
export async function* outputOf(source: AsyncIterable<Uint8Array>, tty: boolean): AsyncGenerator<OutputChunk, void, void> {
  if (tty) {
    for await (const bytes of source) yield { stream: 'stdout', bytes };
    return;
  }
  let held = Buffer.alloc(0);
  let stream: OutputChunk['stream'] = 'stdout';
  let left = 0;
  for await (const chunk of source) {
    let rest = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
    while (rest.length > 0) {
      if (left === 0) {
        if (rest.length < FRAME_HEADER) break;
        stream = rest[0] === STDERR ? 'stderr' : 'stdout';
        left = rest.readUInt32BE(4);
        rest = rest.subarray(FRAME_HEADER);
        continue;
      }
      const bytes = rest.subarray(0, left);
      left -= bytes.length;
      rest = rest.subarray(bytes.length);
      yield { stream, bytes };
    }
    held = rest;
  }
}
