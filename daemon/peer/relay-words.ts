import type { FailureFrame } from './relay-frames.ts';

/** What peers say to each other on a `streams` stream; `protocol/README.md` has the table. */

export type FromAsker = { in: Uint8Array } | { eof: true } | { size: [columns: number, rows: number] };

export type FromProcess = { open: true } | { out: [stream: 1 | 2, bytes: Uint8Array] } | { exit: number } | FailureFrame;

export type FromConnection = { open: true } | { data: Uint8Array } | { eof: true } | FailureFrame;

/** One frame's worth of a program's bytes. */
const PIECE_BYTES = 64 * 1024;

export function* cutPieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let offset = 0; offset < bytes.byteLength; offset += PIECE_BYTES) yield bytes.subarray(offset, offset + PIECE_BYTES);
}
