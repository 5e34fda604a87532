import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalCluster } from '../support/local-cluster.ts';

const dist = path.dirname(fileURLToPath(import.meta.url)).replace(/[/\\]chunks$/, '');

/** Runs `work` on a fresh cluster of real daemons, and removes them whatever happens. */
export async function withPeers<T>(count: number, work: (cluster: LocalCluster) => Promise<T>, extraArguments: string[] = []): Promise<T> {
  const cluster = new LocalCluster({
    dist,
    runtime: 'process',
    imageFolders: [path.join(dist, '..', 'examples', 'images')],
    share: count,
    prefix: 'bench',
    extraArguments: () => extraArguments,
  });
  try {
    await cluster.create(count);
    await cluster.startAll();
    return await work(cluster);
  } finally {
    await cluster.destroy();
  }
}
