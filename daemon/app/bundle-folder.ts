import path from 'node:path';

/** Where the bundle's entry files are; chunks lie one folder deeper. */
export function bundleFolder(): URL {
  const folder = new URL('.', import.meta.url);
  return path.basename(folder.pathname) === 'chunks' ? new URL('..', folder) : folder;
}
