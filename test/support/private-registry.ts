import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ImageStore, MANIFEST_TYPE } from '../lab/image-store.ts';
import type { TestEngine } from './engine.ts';
import { waitFor } from './wait.ts';

const PORT = 5000;

/** Runs beside the engine, whose network this process is not in. Arguments: the folder of an image store, the port, `USER:PASSWORD`. */
const PROGRAM = `
const [folder, port, word] = process.argv.slice(1);
const { readFileSync } = require('node:fs');
const refuse = (response, status, code) => {
  response.writeHead(status, { 'Content-Type': 'application/json', 'WWW-Authenticate': 'Basic realm="private"' });
  response.end(JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }));
};
const read = (file) => { try { return readFileSync(folder + '/' + file); } catch { return undefined; } };
require('node:http').createServer((request, response) => {
  const { url, method, headers } = request;
  if (headers.authorization !== 'Basic ' + Buffer.from(word).toString('base64')) return refuse(response, 401, 'UNAUTHORIZED');
  if (url === '/v2/') return response.end('{}');
  const [, name, what, of] = /^\\/v2\\/([a-z]+)\\/(manifests|blobs)\\/([a-z0-9:]+)$/.exec(url) ?? [];
  const digest = of?.startsWith('sha256:') ? of : read('manifests/' + name + '/' + of)?.toString();
  const bytes = digest === undefined ? undefined : read('blobs/' + digest.slice('sha256:'.length));
  if (bytes === undefined) return refuse(response, 404, 'MANIFEST_UNKNOWN');
  const type = what === 'manifests' ? '${MANIFEST_TYPE}' : 'application/octet-stream';
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': bytes.length, 'Docker-Content-Digest': digest });
  response.end(method === 'HEAD' ? undefined : bytes);
}).listen(Number(port), '127.0.0.1', () => console.log('listens'));
`;

export interface PrivateRegistry {
  /** As an image's name begins. */
  server: string;
  /** That it has. */
  image: string;
}

/** A registry at the engine's own loopback address (where engines do without TLS), which lets in one user. It ends with the engine. */
export async function startPrivateRegistry(engine: TestEngine, folder: string, word: string): Promise<PrivateRegistry> {
  const images = await mkdtemp(path.join(folder, 'registry-'));
  const root = await mkdtemp(path.join(folder, 'root-'));
  await writeFile(path.join(root, 'file'), 'of a private image\n');
  const store = new ImageStore(images);
  await store.image('private', 'latest', [await store.layer(root)], ['/file']);
  const log = path.join(folder, 'registry.log');
  await engine.spawn(log, process.execPath, '-e', PROGRAM, images, String(PORT), word);
  const server = `127.0.0.1:${PORT}`;
  await waitFor('the registry listens', async () => (await readFile(log, 'utf8')).includes('listens'));
  return { server, image: `${server}/private` };
}
