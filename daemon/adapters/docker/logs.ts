import type { LogChunk } from '../../ports/runtime.ts';

/** A line is given in pieces beyond this. */
export const MAX_LINE_BYTES = 1024 * 1024;
const FRAME_HEADER = 8;
const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
/** Of a terminal's line that has not ended: progress bars never end theirs, and one of 64 MiB that is joined anew with each chunk takes minutes. */
const HELD_BYTES = 64 * 1024;
const STREAMS = { 0: 'stdout', 1: 'stdout', 2: 'stderr' } as const;

/**
 * Lines of an engine's log stream with timestamps. Without a terminal the stream is frames {stream, 0, 0, 0, length of 4 bytes big endian, bytes}, each of which
 * begins with a time, and long lines come in several frames; with one it is plain lines. See the Engine API's ContainerAttach, "Stream format".
 */
export async function* logChunks(stream: AsyncIterable<Uint8Array>, tty: boolean): AsyncGenerator<LogChunk, void, void> {
  const pieces = tty ? plainPieces(stream) : framedPieces(stream);
  const open = new Map<LogChunk['stream'], { at: number; parts: Uint8Array[]; size: number }>();
  for await (const piece of pieces) {
    const line = open.get(piece.stream) ?? { at: piece.at, parts: [], size: 0 };
    const ended = piece.bytes.at(-1) === NEWLINE;
    const bytes = ended ? piece.bytes.subarray(0, -1) : piece.bytes;
    line.parts.push(bytes);
    line.size += bytes.length;
    if (ended || line.size >= MAX_LINE_BYTES) {
      open.delete(piece.stream);
      yield { at: line.at, stream: piece.stream, line: new Uint8Array(Buffer.concat(line.parts)) };
    } else {
      open.set(piece.stream, line);
    }
  }
  for (const [name, line] of open) {
    if (line.size > 0) yield { at: line.at, stream: name, line: new Uint8Array(Buffer.concat(line.parts)) };
  }
}

interface Piece {
  at: number;
  stream: LogChunk['stream'];
  bytes: Uint8Array;
}

async function* framedPieces(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Piece, void, void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    while (rest.length >= FRAME_HEADER) {
      const length = rest.readUInt32BE(4);
      if (rest.length < FRAME_HEADER + length) break;
      const name = STREAMS[rest[0] as keyof typeof STREAMS] ?? 'stdout';
      yield stamped(rest.subarray(FRAME_HEADER, FRAME_HEADER + length), name);
      rest = rest.subarray(FRAME_HEADER + length);
    }
  }
}

async function* plainPieces(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Piece, void, void> {
  let rest: Buffer = Buffer.alloc(0);
  /** Of the line of which a part was given already. */
  let at: number | undefined;
  const take = (bytes: Buffer): Piece => {
    const piece: Piece = at === undefined ? stamped(bytes, 'stdout') : { at, stream: 'stdout', bytes };
    at = bytes.at(-1) === NEWLINE ? undefined : piece.at;
    return piece;
  };
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      const line = rest.subarray(0, end);
      // Terminals end lines with CR LF.
      yield take(line.at(-1) === CARRIAGE_RETURN ? Buffer.concat([line.subarray(0, -1), Buffer.from('\n')]) : rest.subarray(0, end + 1));
      rest = rest.subarray(end + 1);
    }
    if (rest.length < HELD_BYTES) continue;
    const part = rest.at(-1) === CARRIAGE_RETURN ? rest.subarray(0, -1) : rest;
    yield take(part);
    rest = rest.subarray(part.length);
  }
  if (rest.length > 0) yield take(rest);
}

/** Takes the RFC 3339 time with nanoseconds off the front. */
function stamped(bytes: Buffer, stream: LogChunk['stream']): Piece {
  const space = bytes.indexOf(' ');
  const at = space < 0 ? Number.NaN : parseTime(bytes.toString('latin1', 0, space));
  return Number.isNaN(at) ? { at: 0, stream, bytes } : { at, stream, bytes: bytes.subarray(space + 1) };
}

/** Milliseconds since 1970 with fraction; `Date` itself keeps whole ones only. NaN when it is no time. */
export function parseTime(text: string): number {
  const whole = Date.parse(text);
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  return Math.floor(whole / 1000) * 1000 + Number(`0.${fraction || '0'}`) * 1000;
}
