import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

/** Signatures and layouts: PKWARE's APPNOTE.TXT, 4.3. */
const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END_BYTES = 22;
const DEFLATED = 8;

/** One file of a zip archive. Enough for archives without encryption and below 4 GiB. */
export function readZipEntry(archive: string, name: string): Buffer {
  const bytes = readFileSync(archive);
  let end = bytes.length - END_BYTES;
  while (end >= 0 && bytes.readUInt32LE(end) !== END_OF_DIRECTORY) end -= 1;
  if (end < 0) throw new Error(`${archive} is no zip archive`);
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0 && bytes.readUInt32LE(at) === DIRECTORY_ENTRY; left -= 1) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset)) as [
      number,
      number,
      number,
    ];
    if (bytes.toString('utf8', at + 46, at + 46 + nameLength) === name) return content(bytes, at);
    at += 46 + nameLength + extraLength + commentLength;
  }
  throw new Error(`${archive} has no ${name}`);
}

function content(bytes: Buffer, entry: number): Buffer {
  const method = bytes.readUInt16LE(entry + 10);
  const packedLength = bytes.readUInt32LE(entry + 20);
  const local = bytes.readUInt32LE(entry + 42);
  const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
  const packed = bytes.subarray(start, start + packedLength);
  return method === DEFLATED ? inflateRawSync(packed) : packed;
}
