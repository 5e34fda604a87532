import { readFileSync, realpathSync } from 'node:fs';
import { connect } from 'node:net';
import { Nftables } from '../adapters/nftables/nftables.ts';
import { claimNetwork, type NetworkHolder, tellOfRunning } from '../adapters/linux-network/network-claim.ts';
import { run } from '../adapters/system/run.ts';
import { serviceTable, strangeTables } from '../core/network/tables.ts';
import type { NodeFacts } from '../core/reconcile/node-status.ts';
import type { PeerDeps } from '../peer/peer.ts';
import type { Log } from '../ports/log.ts';
import type { DaemonConfig } from './config.ts';
import type { ChosenRuntime } from './runtime.ts';

/** Whether the kernel leads pods' packets to other hosts and to Services; neither where pods have no addresses of their own. */
export interface ChosenKernel {
  kernel?: PeerDeps['kernel'];
  facts?: NodeFacts['network'];
}

/** Where people administer hosts: no load balancer takes it. */
const SSH_PORT = 22;

/** @param nodes of the members that are known */
export async function chooseKernel(
  chosen: ChosenRuntime,
  config: DaemonConfig,
  { clusterId, nodes }: { clusterId: string; nodes: readonly string[] },
  log: Log,
): Promise<ChosenKernel> {
  if (chosen.name === 'process') return {};
  const own = { cluster: clusterId, node: config.nodeName };
  const whyNone = config.network === 'none' ? '--network none' : await whyNot(chosen.url);
  const holder = whyNone === undefined ? await claimNetwork(own) : own;
  const why = whyNone ?? takenBy(clusterId, holder);
  if (why !== undefined || config.network === 'none') {
    const message = `pods of this node are reached on this host only: ${why}`;
    log.warn(message);
    return { facts: { available: false, message } };
  }
  await tellOfRunning(own);
  const { network, nodeName, apiListen, peerListen } = config;
  const table = serviceTable(clusterId, nodeName);
  const reservedPorts = [SSH_PORT, apiListen.port, peerListen.port];
  const filter = new Nftables();
  for (const stranger of strangeTables(
    await filter.tables(),
    [nodeName, ...nodes].map((node) => serviceTable(clusterId, node)),
  ))
    log.warn(
      'Rules of a node that is no member of this cluster are in the kernel: they refuse connections to Services of this one. Where no kithd needs them: nft delete table ip TABLE',
      { table: stranger },
    );
  log.info('The kernel leads packets to pods of other hosts and to Services', { network, table });
  const shared = holder.node === nodeName ? '' : `, and so does that of node ${holder.node} on the same host`;
  if (shared !== '') log.warn(SHARED, { node: holder.node });
  const facts = { available: true, message: `kithd leads packets to pods of other hosts (--network ${network})${shared}` };
  return { kernel: { filter, mode: network, table, reservedPorts }, facts };
}

const SHARED =
  'Another kithd of this cluster leads packets on this host, too. Each has rules, a bridge and a subnet of its own; those rules stay when it stops, and then refuse connections to pods that come later: where it does not come back take them away (kithd --uninstall-network with its data folder)';

/** The rules of two clusters would refuse each other's packets. Several nodes of one cluster get on. */
function takenBy(cluster: string, holder: NetworkHolder): string | undefined {
  if (holder.cluster === cluster) return undefined;
  if (holder.cluster === '') return 'another program has the name kith/network in the list of sockets of this host (ss -lx)';
  return `kithd of node ${holder.node} in cluster ${holder.cluster} leads the packets of this host already; one of the two has to be stopped, or started with --network none`;
}

async function whyNot(engine: string): Promise<string | undefined> {
  if (process.platform !== 'linux') return `this needs Linux, not ${process.platform}`;
  if (process.getuid?.() !== 0) return 'kithd does not run as root';
  if (!(await sharesNetwork(engine))) return `the engine at ${engine} has another network than kithd`;
  for (const [file, words, what] of [
    ['ip', ['-json', 'link', 'show', 'dev', 'lo'], 'iproute2'],
    ['bridge', ['-Version'], 'iproute2'],
    ['nft', ['list', 'tables'], 'nftables'],
  ] as const) {
    const answer = await run(file, words).catch(() => undefined);
    if (answer === undefined) return `the command ${file} is not there: install ${what}`;
    if (answer.code !== 0) return `${file} ${words.join(' ')} fails: ${answer.stderr.slice(0, 200)}`;
  }
  return undefined;
}

/**
 * The kernel lists the sockets of our own network namespace; an engine that listens elsewhere has its bridges there, too. One that is away, as it may be while both start with
 * their host, is taken for ours: this is looked at once.
 */
export async function sharesNetwork(engine: string): Promise<boolean> {
  if (!engine.startsWith('unix://')) return false;
  const given = engine.slice('unix://'.length);
  return isInOwnNetwork(given) || !(await takesConnections(given));
}

function isInOwnNetwork(given: string): boolean {
  try {
    const paths = new Set([given, realpathSync(given)]);
    return readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .some((line) => paths.has(line.split(/\s+/).at(-1) ?? '') || [...paths].some((path) => `/var${line.split(/\s+/).at(-1)}` === path));
  } catch {
    return false;
  }
}

function takesConnections(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const settle = (does: boolean): void => {
      socket.destroy();
      resolve(does);
    };
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
  });
}
