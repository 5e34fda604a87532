import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { MANIFEST_TYPE } from './image-store.ts';

export const REGISTRY_PORT = 5000;
/** https://distribution.github.io/distribution/spec/api/ : `/v2/library/NAME/manifests/TAG`, `…/blobs/DIGEST`. */
const RESOURCE = /^\/v2\/library\/([a-z0-9._-]+)\/(manifests|blobs)\/(?:sha256:([0-9a-f]{64})|([A-Za-z0-9._-]+))$/;

/** Hands out the images of an image store's folder, read-only, as a mirror of Docker Hub does. */
export function registryServer(folder: string): http.Server {
  return http.createServer((request, response) => {
    answer(folder, request, response).catch((error: unknown) => response.destroy(error as Error));
  });
}

async function answer(folder: string, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
  if (request.url === '/v2/' || request.url === '/v2') return void response.writeHead(200).end('{}');
  const [, name = '', what, digest, tag] = RESOURCE.exec(request.url ?? '') ?? [];
  const hash = digest ?? (what === 'manifests' && tag !== undefined ? await tagged(folder, name, tag) : undefined);
  const file = path.join(folder, 'blobs', hash ?? 'none');
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) {
    response.writeHead(404, { 'Content-Type': 'application/json' });
    return void response.end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }));
  }
  response.writeHead(200, {
    'Content-Type': what === 'manifests' ? MANIFEST_TYPE : 'application/octet-stream',
    'Content-Length': found.size,
    'Docker-Content-Digest': `sha256:${hash}`,
  });
  if (request.method === 'HEAD') return void response.end();
  createReadStream(file)
    .on('error', (error) => response.destroy(error))
    .pipe(response);
}

async function tagged(folder: string, name: string, tag: string): Promise<string | undefined> {
  const text = await readFile(path.join(folder, 'manifests', name, tag), 'utf8').catch(() => undefined);
  return text?.replace('sha256:', '');
}
