import { KithError } from '../../../protocol/errors.ts';
import type { PacketFilter } from '../../ports/packet-filter.ts';
import { run } from '../system/run.ts';

/** By way of the nft command: one call, one transaction of the kernel. */
export class Nftables implements PacketFilter {
  async apply(script: string, signal?: AbortSignal): Promise<void> {
    const { code, stderr } = await run('nft', ['-f', '-'], script, signal);
    if (code !== 0) throw new KithError('FilterRefused', `nft refuses the rules: ${stderr.slice(0, 500)}`);
  }

  async tables(signal?: AbortSignal): Promise<readonly string[]> {
    const { code, stdout, stderr } = await run('nft', ['list', 'tables', 'ip'], '', signal);
    if (code !== 0) throw new KithError('FilterRefused', `nft list tables: ${stderr.slice(0, 500)}`);
    return [...stdout.matchAll(/^table ip (\S+)$/gm)].map(([, name = '']) => name);
  }

  async chain(table: string, chain: string, signal?: AbortSignal): Promise<string | undefined> {
    const { code, stdout } = await run('nft', ['-s', 'list', 'chain', 'ip', table, chain], '', signal);
    return code === 0 ? stdout : undefined;
  }

  async elements(table: string, names: ReadonlySet<string>, signal?: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>> {
    const { code, stdout } = await run('nft', ['list', 'table', 'ip', table], '', signal);
    return code === 0 ? elementsOf(stdout, names) : new Map();
  }

  async read(table: string, signal?: AbortSignal): Promise<string | undefined> {
    if (!(await this.tables(signal)).includes(table)) return undefined;
    const { code, stdout, stderr } = await run('nft', ['-s', 'list', 'table', 'ip', table], '', signal);
    // Gone in between.
    if (code !== 0 && /No such file/.test(stderr)) return undefined;
    if (code !== 0) throw new KithError('FilterRefused', `nft list table: ${stderr.slice(0, 500)}`);
    return stdout;
  }

  async rehearse(script: string, table: string, signal?: AbortSignal): Promise<string> {
    const words = ['--net', 'sh', '-c', 'nft -f - && exec nft -s list table ip "$0"', table];
    const { code, stdout, stderr } = await run('unshare', words, script, signal);
    if (code !== 0) throw new KithError('FilterRefused', `nft in a network namespace of its own: ${stderr.slice(0, 500)}`);
    return stdout;
  }
}

/** Of the text that nft has for a table. */
export function elementsOf(text: string, names: ReadonlySet<string>): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [, name = '', body = ''] of text.matchAll(/^\t(?:set|map) (\S+) \{\n(.*?)^\t\}$/gms)) {
    const [, elements] = /elements = \{(.*?)\}/s.exec(body) ?? [];
    if (names.has(name) && elements !== undefined)
      found.set(
        name,
        elements.split(',').map((each) => each.trim().replace(/\s+/g, ' ')),
      );
  }
  return found;
}
