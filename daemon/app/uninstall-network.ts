import { PodNetwork } from '../adapters/docker/network.ts';
import { EngineClient } from '../adapters/docker/client.ts';
import { loadCluster } from '../adapters/identity/cluster.ts';
import { loadPeerBook } from '../adapters/identity/peer-book.ts';
import { LinuxNetwork } from '../adapters/linux-network/linux-network.ts';
import { runsHere } from '../adapters/linux-network/network-claim.ts';
import { Nftables } from '../adapters/nftables/nftables.ts';
import { KithError } from '../../protocol/errors.ts';
import { renderRemoval } from '../core/network/nft-rules.ts';
import { planUninstall } from '../core/network/uninstall.ts';
import type { Log } from '../ports/log.ts';
import type { DaemonConfig } from './config.ts';
import { openStore } from './open-store.ts';
import { chooseRuntime } from './runtime.ts';

/**
 * `kithd --uninstall-network`: takes from this host what the daemon of the data folder made of its network. Pods that run stay, and are reached on their own host only.
 * @returns what was removed, a line each
 * @throws KithError `StoreLocked` while the daemon runs: it would put all of it back
 */
export async function uninstallNetwork(config: DaemonConfig, log: Log, now: number): Promise<string[]> {
  const { dataDir } = config;
  const cluster = await loadCluster(dataDir);
  if (cluster === undefined) {
    const message = `${dataDir} holds no cluster, so that it is not known which rules are ours: give the --data-dir of the daemon whose network is to be removed`;
    throw new KithError('InvalidConfig', message, { dataDir });
  }
  const { clusterId } = cluster;
  const store = await openStore(config, log, now, () => undefined);
  try {
    const filter = new Nftables();
    const known = [...new Set([config.nodeName, ...(await loadPeerBook(dataDir)).map(({ nodeName }) => nodeName)])];
    const answers = await Promise.all(known.map(async (node) => runsHere({ cluster: clusterId, node })));
    const running = known.filter((_, index) => answers[index]);
    if (running.length > 0)
      log.warn('Routes, the tunnel and rules of the firewall stay: another kithd of this cluster runs on this host and needs them', {
        nodes: running,
      });
    const plan = planUninstall(clusterId, known, running, await filter.tables());
    const done: string[] = [];
    for (const table of plan.tables) {
      await filter.apply(renderRemoval(table));
      done.push(`table ip ${table} of nftables`);
    }
    if (plan.marks !== undefined) done.push(...(await new LinuxNetwork().remove(plan.marks)));
    const gone = known.filter((node) => !running.includes(node));
    return [...done, ...(await removeEngineNetworks(gone, clusterId, config, log))];
  } finally {
    await store.close();
  }
}

/** Those stay in which pods still run. */
async function removeEngineNetworks(nodes: readonly string[], clusterId: string, config: DaemonConfig, log: Log): Promise<string[]> {
  const chosen = await chooseRuntime(config, log);
  if (chosen.name === 'process') return [];
  const client = new EngineClient(chosen.url);
  const done: string[] = [];
  for (const nodeName of nodes) {
    const removed = await new PodNetwork({ client, log }, { clusterId, nodeName }).remove();
    done.push(...removed.map((name) => `network ${name} of the container engine`));
  }
  return done;
}
