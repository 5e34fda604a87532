import { describe, expect, it } from 'vitest';
import type { RuleFacts } from '../../daemon/core/network/nft-rules.ts';
import type { ResolvedService } from '../../daemon/core/network/service-types.ts';
import { KernelServices } from '../../daemon/peer/network/kernel-services.ts';
import type { PacketFilter } from '../../daemon/ports/packet-filter.ts';
import { silentLog } from '../support/silent-log.ts';
import { waitFor } from '../support/wait.ts';

const facts: RuleFacts = {
  table: 't',
  podRange: '10.42.0.0/16',
  podSubnet: '10.42.1.0/24',
  serviceRange: '10.96.0.0/12',
  bridgeFilters: true,
  movesFlows: true,
  reservedPorts: [],
};
const signal = new AbortController().signal;
const web = (ip: string): ResolvedService => ({
  key: 'services/default/web',
  uid: 'web',
  namespace: 'default',
  name: 'web',
  type: 'ClusterIP',
  clusterIP: '10.96.0.9',
  headless: false,
  externalIPs: [],
  externalTrafficPolicy: 'Cluster',
  internalTrafficPolicy: 'Cluster',
  ports: [
    {
      name: '',
      protocol: 'TCP',
      port: 80,
      endpoints: [
        {
          ip,
          port: 80,
          node: 'n',
          local: false,
          ready: true,
          serving: true,
          terminating: false,
          lost: false,
          inCluster: true,
          inLocal: false,
          why: '',
        },
      ],
    },
  ],
});

/** A kernel that has what was applied last, and can refuse. */
class FakeFilter implements PacketFilter {
  readonly scripts: string[] = [];
  refuses: RegExp | undefined;
  base: string | undefined;
  /** What the kernel filled by itself. */
  filled = new Map<string, string[]>();
  whole = '';

  async apply(script: string): Promise<void> {
    if (this.refuses?.test(script) === true) throw new Error('refused');
    this.scripts.push(script.startsWith('add table') ? 'whole' : script);
    if (!script.startsWith('add table')) return;
    this.base = 'as made';
    this.whole = script;
  }

  async tables(): Promise<string[]> {
    return this.base === undefined ? [] : ['t'];
  }

  async chain(): Promise<string | undefined> {
    return this.base;
  }

  async elements(_table: string, names: ReadonlySet<string>): Promise<Map<string, string[]>> {
    return new Map([...this.filled].filter(([name]) => names.has(name)));
  }

  async read(): Promise<string | undefined> {
    return this.base;
  }

  async rehearse(script: string): Promise<string> {
    return script.replaceAll(/^  (?=\S)/gm, '\t');
  }
}

describe('Services in the kernel', () => {
  it('are made once it is known where, and then only changed; what is as it was costs nothing', async () => {
    const filter = new FakeFilter();
    const services = new KernelServices({ filter, log: silentLog });
    await services.apply([web('10.42.1.2')], new Set(), signal);
    expect(filter.scripts).toEqual([]);
    await services.use(facts);
    await services.use({ ...facts });
    await services.check();
    expect(filter.scripts).toEqual(['whole']);
    await services.apply([web('10.42.1.3')], new Set(), signal);
    expect(filter.scripts[1]).toContain('dnat to 10.42.1.3:80');
    await services.apply([web('10.42.1.3')], new Set(), signal);
    expect(filter.scripts).toHaveLength(2);
    await services.use({ ...facts, podSubnet: '10.42.9.0/24' });
    expect(filter.scripts.slice(2)).toEqual(['whole']);
  });

  it('are put back when somebody flushed or changed them', async () => {
    const filter = new FakeFilter();
    const services = new KernelServices({ filter, log: silentLog });
    await services.use(facts);
    filter.base = undefined;
    await services.check();
    expect(filter.scripts).toEqual(['whole', 'whole']);
    await services.check();
    expect(filter.scripts).toHaveLength(2);
    // A table that is there and lacks rules is found by a close look.
    filter.base = 'something else';
    for (let look = 0; look < 6; look += 1) await services.check();
    expect(filter.scripts).toHaveLength(3);
  });

  it('are made anew where a change does not apply, and tried again where nothing does', async () => {
    const filter = new FakeFilter();
    const services = new KernelServices({ filter, log: silentLog });
    expect(services.inForce).toBeUndefined();
    await services.use(facts);
    expect(services.inForce).toEqual([]);
    filter.refuses = /^add (set|chain|rule|element)/;
    await services.apply([web('10.42.1.2')], new Set(), signal);
    expect(filter.scripts).toEqual(['whole', 'whole']);
    filter.refuses = /./;
    const last = [web('10.42.1.3')];
    await services.apply(last, new Set(), signal);
    expect(filter.scripts).toHaveLength(2);
    expect(services.inForce).toBeUndefined();
    filter.refuses = undefined;
    await services.check();
    expect(filter.scripts).toHaveLength(3);
    expect(services.inForce).toEqual(last);
  });

  it('keep what the kernel filled by itself when they are made anew: clients stay with their endpoints', async () => {
    const filter = new FakeFilter();
    const clients = 'clients/600/in/default/web/tcp/80/10.42.1.2/80';
    filter.filled = new Map([
      [clients, ['10.42.1.9 expires 5m3s']],
      ['moved', ['10.42.1.9 . 5000 . 10.96.0.9 . 53 expires 58m : 7']],
      ['endpoints', ['10.42.1.2 . tcp . 80']],
    ]);
    const services = new KernelServices({ filter, log: silentLog });
    await services.apply([{ ...web('10.42.1.2'), affinitySeconds: 600 }], new Set(), signal);
    await services.use(facts);
    expect(filter.whole).toContain(
      `set ${clients} { type ipv4_addr; flags dynamic, timeout; timeout 600s; size 65535; elements = { 10.42.1.9 expires 5m3s } }`,
    );
    expect(filter.whole).toContain('elements = { 10.42.1.9 . 5000 . 10.96.0.9 . 53 expires 58m : 7 } }');
    // Where that is refused it is done without.
    filter.refuses = /expires/;
    await services.use({ ...facts, podSubnet: '10.42.9.0/24' });
    expect(filter.whole).toContain(`set ${clients} {`);
    expect(filter.whole).not.toContain('expires');
    expect(services.inForce).toHaveLength(1);
  });

  it('do without leading flows elsewhere where the kernel knows no zones, and do not try that again', async () => {
    const filter = new FakeFilter();
    filter.refuses = /ct zone/;
    const services = new KernelServices({ filter, log: silentLog });
    await services.use(facts);
    expect(filter.whole).not.toContain('moved');
    expect(filter.whole).toMatch(/chain stale \{\s+goto refused\s+\}/);
    await services.apply([web('10.42.1.2')], new Set(), signal);
    await services.use({ ...facts });
    await services.check();
    expect(filter.scripts.map((script) => script === 'whole')).toEqual([true, false]);
  });

  it('are compared with what the kernel has, and made anew where that differs', async () => {
    const filter = new FakeFilter();
    const services = new KernelServices({ filter, log: silentLog });
    expect(await services.differences()).toEqual(['it is not known yet what they should be']);
    await services.apply([web('10.42.1.2')], new Set(), signal);
    await services.use(facts);
    expect((await services.differences()).length).toBeGreaterThan(0);
    await services.check();
    expect(filter.scripts).toEqual(['whole', 'whole']);
    filter.base = undefined;
    expect(await services.differences()).toEqual(['table ip t is missing']);
  });

  it('may be in force from when the kernel is told of them: a pod that is in them is sent traffic any moment', async () => {
    const filter = new FakeFilter();
    const services = new KernelServices({ filter, log: silentLog });
    const [before, after] = [[web('10.42.1.2')], [web('10.42.1.3')]];
    await services.use(facts);
    await services.apply(before, new Set(), signal);
    const told = Promise.withResolvers<void>();
    const apply = filter.apply.bind(filter);
    filter.apply = async (script) => told.promise.then(async () => apply(script));
    const applying = services.apply(after, new Set(), signal);
    await waitFor('the kernel is told', () => services.inForce?.length === 2);
    expect(services.inForce).toEqual([...before, ...after]);
    told.resolve();
    await applying;
    expect(services.inForce).toEqual(after);
  });

  it('of an earlier run stay while this one knows less of endpoints', async () => {
    const filter = new FakeFilter();
    let isEarly = true;
    const services = new KernelServices({ filter, log: silentLog, isEarly: () => isEarly });
    await services.use(facts);
    // There are none.
    expect(filter.scripts).toEqual(['whole']);
    const next = new KernelServices({ filter, log: silentLog, isEarly: () => isEarly });
    await next.use(facts);
    await next.apply([web('10.42.1.2')], new Set(), signal);
    expect(filter.scripts).toEqual(['whole']);
    expect(next.inForce).toBeUndefined();
    isEarly = false;
    await next.apply([web('10.42.1.3')], new Set(), signal);
    expect(filter.whole).toContain('dnat to 10.42.1.3:80');
    // Once is enough: later a suspicion is heeded at once.
    isEarly = true;
    await next.apply([web('10.42.1.4')], new Set(), signal);
    expect(filter.scripts.at(-1)).toContain('dnat to 10.42.1.4:80');
  });

  it('of an earlier run are never replaced by less than is known by then, though that was not handed over yet: connections would be reset', async () => {
    const filter = new FakeFilter();
    await new KernelServices({ filter, log: silentLog }).use(facts);
    let [isEarly, latest] = [true, [web('10.42.1.2')]];
    const next = new KernelServices({ filter, log: silentLog, isEarly: () => isEarly, latest: () => latest });
    await next.use(facts);
    await next.apply(latest, new Set(), signal);
    expect(filter.scripts).toEqual(['whole']);
    [isEarly, latest] = [false, [web('10.42.1.3')]];
    await next.check(signal);
    expect(filter.whole).toContain('dnat to 10.42.1.3:80');
    expect(next.inForce).toEqual(latest);
  });
});
