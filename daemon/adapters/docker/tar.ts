/** What a tar archive is written from. Paths are relative, without a leading slash. */
export interface TarEntry {
  path: string;
  /** Permission bits, such as 0o755. */
  mode: number;
  content: { type: 'directory' } | { type: 'file'; size: number; bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array> };
}

const BLOCK = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

/** A POSIX ustar archive (IEEE Std 1003.1, pax), owned by root, all times 0: equal entries give equal bytes. */
export async function* writeTar(entries: AsyncIterable<TarEntry> | Iterable<TarEntry>): AsyncGenerator<Uint8Array, void, void> {
  for await (const entry of entries) {
    yield tarHeader(entry);
    if (entry.content.type !== 'file') continue;
    let written = 0;
    for await (const chunk of entry.content.bytes) {
      written += chunk.length;
      yield chunk;
    }
    if (written !== entry.content.size)
      throw new Error(`${entry.path} has ${written} bytes, not the ${entry.content.size} that its header says`);
    yield new Uint8Array((BLOCK - (written % BLOCK)) % BLOCK);
  }
  yield new Uint8Array(2 * BLOCK);
}

/** An entry of a file that is in memory. */
export function tarFile(path: string, bytes: Uint8Array, mode = 0o644): TarEntry {
  return { path, mode, content: { type: 'file', size: bytes.length, bytes: [bytes] } };
}

export function tarFolder(path: string, mode = 0o755): TarEntry {
  return { path, mode, content: { type: 'directory' } };
}

function tarHeader(entry: TarEntry): Uint8Array {
  const isFolder = entry.content.type === 'directory';
  const { name, prefix } = splitPath(isFolder ? `${entry.path}/` : entry.path);
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 'utf8');
  header.write(octal(entry.mode, 8), 100, 'latin1');
  header.write(octal(0, 8), 108, 'latin1');
  header.write(octal(0, 8), 116, 'latin1');
  header.write(octal(entry.content.type === 'file' ? entry.content.size : 0, 12), 124, 'latin1');
  header.write(octal(0, 12), 136, 'latin1');
  // The checksum is taken with its own field full of spaces.
  header.write(' '.repeat(8), 148, 'latin1');
  header.write(isFolder ? '5' : '0', 156, 'latin1');
  header.write('ustar\0' + '00', 257, 'latin1');
  header.write('root', 265, 'latin1');
  header.write('root', 297, 'latin1');
  header.write(prefix, 345, 'utf8');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

function splitPath(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) <= NAME_BYTES) return { name: path, prefix: '' };
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (name !== '' && Buffer.byteLength(name) <= NAME_BYTES && Buffer.byteLength(prefix) <= PREFIX_BYTES) return { name, prefix };
  }
  throw new Error(`path too long for a tar archive: ${path}`);
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}
