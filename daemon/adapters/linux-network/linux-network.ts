/**
 * The host's network by way of the commands of iproute2 and iptables. It must never touch a link, route or rule that it did not make: its own are told by their names, their
 * route protocol and their comments.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { KithError } from '../../../protocol/errors.ts';
import { contains, readSubnet } from '../../../protocol/values/ipv4.ts';
import type { HostAddress, HostCommands, HostNetwork, HostPassage, PresentWays } from '../../ports/host-network.ts';
import { run } from '../system/run.ts';

/** Bridges and virtual links of container engines: nobody reaches this host there. */
const ENGINE_LINKS = /^(docker|br-|veth|virbr|cni|flannel|cali|kith)/;
const FORWARD_FILE = '/proc/sys/net/ipv4/ip_forward';
const BRIDGE_FILE = '/proc/sys/net/bridge/bridge-nf-call-iptables';
const BRIDGE_MODULE = 'br_netfilter';
const IPTABLES = ['-w', '5'] as const;
/** The one that the engine leaves to others, or else the one of all that is forwarded. */
const FORWARD_CHAINS = ['DOCKER-USER', 'FORWARD'];
const INPUT_CHAINS = ['INPUT'];

interface IpLink {
  ifname: string;
  mtu: number;
  flags: string[];
  address?: string;
  addr_info?: { family: string; local: string; prefixlen: number; scope: string }[];
  linkinfo?: { info_data?: { id?: number; local?: string } };
}

export class LinuxNetwork implements HostNetwork {
  #triedModule = false;

  addresses(): readonly string[] {
    return Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ family }) => family === 'IPv4')
      .map(({ address }) => address);
  }

  async survey(signal?: AbortSignal): Promise<readonly HostAddress[]> {
    const links = await ask<IpLink>('ip', ['-json', '-4', 'address', 'show', 'up'], signal);
    return links
      .filter(({ ifname, flags }) => !flags.includes('LOOPBACK') && !ENGINE_LINKS.test(ifname))
      .flatMap(({ ifname, mtu, addr_info: all = [] }) =>
        all
          .filter(({ family, scope }) => family === 'inet' && scope === 'global')
          .map(({ local, prefixlen }) => ({ link: ifname, address: local, prefix: prefixlen, mtu })),
      );
  }

  async present({ protocol, tunnel }: { protocol: number; tunnel: string }, signal?: AbortSignal): Promise<PresentWays> {
    const [routes, link] = await Promise.all([
      ask<{ dst: string; gateway?: string; dev?: string }>('ip', ['-json', '-4', 'route', 'show', 'proto', String(protocol)], signal),
      existsSync(`/sys/class/net/${tunnel}`) ? this.#tunnel(tunnel, signal) : undefined,
    ]);
    return {
      routes: routes.map(({ dst, gateway = '', dev = '' }) => ({ subnet: dst, gateway, link: dev })),
      ...(link ?? { neighbours: [], forwarding: [] }),
    };
  }

  async #tunnel(device: string, signal?: AbortSignal): Promise<Omit<PresentWays, 'routes'>> {
    const [[link], neighbours, forwarding] = await Promise.all([
      ask<IpLink>('ip', ['-json', '-details', 'address', 'show', 'dev', device], signal),
      ask<{ dst: string; lladdr?: string }>('ip', ['-json', '-4', 'neigh', 'show', 'dev', device, 'nud', 'permanent'], signal),
      ask<{ mac: string; dst?: string }>('bridge', ['-json', 'fdb', 'show', 'dev', device], signal),
    ]);
    const { id = 0, local = '' } = link?.linkinfo?.info_data ?? {};
    return {
      neighbours: neighbours.map(({ dst, lladdr = '' }) => ({ address: dst, mac: lladdr })),
      forwarding: forwarding.flatMap(({ mac, dst }) => (dst === undefined ? [] : [{ mac, end: dst }])),
      tunnel: {
        device,
        id,
        local,
        mac: link?.address ?? '',
        mtu: link?.mtu ?? 0,
        up: link?.flags.includes('UP') === true,
        addresses: (link?.addr_info ?? []).map((info) => info.local),
      },
    };
  }

  async carryOut({ ip, bridge }: HostCommands, signal?: AbortSignal): Promise<void> {
    const failures: string[] = [];
    for (const [file, lines] of [['ip', ip] as const, ['bridge', bridge] as const]) {
      if (lines.length === 0) continue;
      // Each line by itself: one way that can not be had takes no other with it.
      const { code, stderr } = await run(file, ['-force', '-batch', '-'], `${lines.join('\n')}\n`, signal);
      if (code !== 0) failures.push(`${file}: ${stderr.slice(0, 300)}`);
    }
    if (failures.length > 0) throw new KithError('HostNetworkFailed', `the way to pods of other hosts: ${failures.join('; ')}`);
  }

  /** Once: where it can not be had, nothing else will do. */
  async #loadBridgeModule(signal?: AbortSignal): Promise<string[]> {
    if (this.#triedModule || existsSync(BRIDGE_FILE)) return [];
    this.#triedModule = true;
    const answer = await run('modprobe', ['--quiet', BRIDGE_MODULE], '', signal).catch(() => undefined);
    return answer?.code === 0 ? [`the module ${BRIDGE_MODULE} is loaded`] : [];
  }

  async letPass(range: string, owner: string, signal?: AbortSignal): Promise<string[]> {
    const done = await this.#loadBridgeModule(signal);
    for (const file of [FORWARD_FILE, BRIDGE_FILE]) {
      if ((await readFile(file, 'utf8').catch(() => '1')).trim() !== '0') continue;
      await writeFile(file, '1');
      done.push(`${file} is 1 now`);
    }
    for (const [chain, rules] of [
      [await firstChain(FORWARD_CHAINS, signal), passRules(range, owner)],
      [await firstChain(INPUT_CHAINS, signal), askRules(range, owner)],
    ] as const) {
      for (const rule of rules) {
        if (chain === undefined || chain.rules.includes(`"kith ${owner} ${rule.name}"`)) continue;
        const words = [...IPTABLES, '-I', chain.name, '1', ...rule.words];
        const { code, stderr } = await run('iptables', words, '', signal);
        if (code !== 0) throw new KithError('HostNetworkFailed', `iptables ${words.join(' ')}: ${stderr}`);
        done.push(`${chain.name} lets pass what is ${rule.name}`);
      }
    }
    return done;
  }

  async inspect({ range, owner, gateway }: { range: string; owner: string; gateway?: string }, signal?: AbortSignal): Promise<HostPassage> {
    const [forward, bridge] = await Promise.all([FORWARD_FILE, BRIDGE_FILE].map((file) => readFile(file, 'utf8').catch(() => undefined)));
    const missing: string[] = [];
    for (const [chains, rules] of [
      [FORWARD_CHAINS, passRules(range, owner)],
      [INPUT_CHAINS, askRules(range, owner)],
    ] as const) {
      const chain = await firstChain(chains, signal);
      if (chain === undefined) continue;
      missing.push(...rules.map(({ name }) => name).filter((name) => !chain.rules.includes(`"kith ${owner} ${name}"`)));
    }
    const links = gateway === undefined ? [] : await ask<IpLink>('ip', ['-json', '-4', 'address', 'show', 'to', gateway], signal);
    const link = links.find(({ addr_info: all = [] }) => all.some(({ local }) => local === gateway));
    return {
      forwards: forward?.trim() === '1',
      ...(bridge === undefined ? {} : { bridgeFilters: bridge.trim() === '1' }),
      missing,
      ...(link === undefined ? {} : { podLink: { name: link.ifname, mtu: link.mtu } }),
    };
  }

  async allowHairpin(subnet: string): Promise<void> {
    const network = readSubnet(subnet);
    if (network === undefined) return;
    for (const [link, addresses] of Object.entries(networkInterfaces())) {
      if (addresses?.some(({ address }) => contains(network, address)) !== true) continue;
      const folder = `/sys/class/net/${link}/brif`;
      for (const port of await readdir(folder).catch(() => [])) {
        const file = `${folder}/${port}/hairpin_mode`;
        // It may be gone in between.
        if ((await readFile(file, 'utf8').catch(() => '1')).trim() === '0') await writeFile(file, '1').catch(() => undefined);
      }
    }
  }

  bridgeFilters(): boolean {
    try {
      return readFileSync(BRIDGE_FILE, 'utf8').trim() === '1';
    } catch {
      return false;
    }
  }

  async remove({ protocol, tunnel, owner }: { protocol: number; tunnel: string; owner: string }): Promise<string[]> {
    const done: string[] = [];
    const act = async (file: string, words: readonly string[], said: string): Promise<void> => {
      const { code, stderr } = await run(file, words);
      if (code !== 0) throw new KithError('HostNetworkFailed', `${file} ${words.join(' ')}: ${stderr}`);
      done.push(said);
    };
    const chains = [await firstChain(FORWARD_CHAINS), await firstChain(INPUT_CHAINS)];
    const ours = chains.flatMap((chain) => (chain?.rules ?? '').split('\n').filter((line) => line.includes(`"kith ${owner} `)));
    for (const line of ours) {
      const words = line.replace('-A', '-D').replaceAll('"', '\u0001').split(' ').reduce(joinQuoted, []);
      await act('iptables', [...IPTABLES, ...words], `rule of iptables: ${line}`);
    }
    const { routes } = await this.present({ protocol, tunnel });
    for (const { subnet, gateway, link } of routes)
      await act(
        'ip',
        ['-4', 'route', 'del', subnet, 'proto', String(protocol)],
        `route ${subnet}${gateway === '' ? '' : ` via ${gateway}`} dev ${link}`,
      );
    if (existsSync(`/sys/class/net/${tunnel}`)) await act('ip', ['link', 'del', tunnel], `device ${tunnel}`);
    return done;
  }
}

/** Words of a rule as iptables prints it, where a quoted one may hold spaces. */
function joinQuoted(words: string[], word: string): string[] {
  const last = words.at(-1);
  const open = last !== undefined && last.startsWith('\u0001') && !(last.length > 1 && last.endsWith('\u0001'));
  if (!open) return [...words, word.length > 1 && word.startsWith('\u0001') && word.endsWith('\u0001') ? word.slice(1, -1) : word];
  const joined = `${last} ${word}`;
  return [...words.slice(0, -1), joined.endsWith('\u0001') ? joined.slice(1, -1) : joined];
}

/** What goes to pods, and what is answered by them: the engine lets through neither by itself. */
function passRules(range: string, owner: string): { name: string; words: string[] }[] {
  return [
    { name: 'to pods', words: ['-d', range, ...accepted(owner, 'to pods')] },
    {
      name: 'answered by pods',
      words: ['-s', range, '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', ...accepted(owner, 'answered by pods')],
    },
  ];
}

/** Questions of pods for names, to their node. */
function askRules(range: string, owner: string): { name: string; words: string[] }[] {
  return ['udp', 'tcp'].map((protocol) => {
    const name = `asked for names over ${protocol}`;
    return { name, words: ['-s', range, '-d', range, '-p', protocol, '--dport', '53', ...accepted(owner, name)] };
  });
}

function accepted(owner: string, name: string): string[] {
  return ['-m', 'comment', '--comment', `kith ${owner} ${name}`, '-j', 'ACCEPT'];
}

/** The first of them that there is. Undefined where there is no such firewall. */
async function firstChain(names: readonly string[], signal?: AbortSignal): Promise<{ name: string; rules: string } | undefined> {
  for (const name of names) {
    const answer = await run('iptables', [...IPTABLES, '-S', name], '', signal).catch(() => undefined);
    if (answer === undefined) return undefined;
    if (answer.code === 0) return { name, rules: answer.stdout };
  }
  return undefined;
}

async function ask<T>(file: string, words: readonly string[], signal?: AbortSignal): Promise<T[]> {
  const { code, stdout, stderr } = await run(file, words, '', signal);
  if (code !== 0) throw new KithError('HostNetworkFailed', `${file} ${words.join(' ')}: ${stderr}`);
  // Older versions print nothing where there is nothing.
  return stdout.trim() === '' ? [] : (JSON.parse(stdout) as T[]);
}
