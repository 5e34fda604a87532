import { describe, expect, it } from 'vitest';
import { planCommands, planWays, type NetworkMode, type WantedWays } from '../../../daemon/core/network/host-routes.ts';
import type { HostAddress, PresentWays } from '../../../daemon/ports/host-network.ts';
import type { Member, Node } from '../../../protocol/types.ts';
import { peerOf, worldOf, type ClusterWorld } from '../../support/cluster-view.ts';

const eth0: HostAddress = { link: 'eth0', address: '10.77.0.1', prefix: 24, mtu: 1500 };
const NOTHING: PresentWays = { routes: [], neighbours: [], forwarding: [] };
const SERVICES = '10.96.0.0/12';
const given = ['10.77.0.1', '10.77.0.2', '10.78.0.3', '10.77.0.1'];

/** node-1 is this host, node-2 on its link, node-3 behind a router, node-4 on the same host. */
function world(): ClusterWorld {
  const made = worldOf(4);
  for (const [index, address] of given.entries()) {
    const node = `node-${index + 1}`;
    made.edit<Member>(`members.kith.dev//${peerOf(node)}`, (draft) => {
      draft.spec = { ...draft.spec, peerAddresses: [`/ip4/${address}/tcp/7420`] };
    });
    made.edit<Node>(`nodes//${node}`, (draft) => {
      draft.spec = { ...draft.spec, podCIDR: `10.42.${index + 1}.0/24` };
    });
  }
  return made;
}
const ways = (mode: NetworkMode, of = world()): WantedWays => planWays(of.state, 'cluster', [eth0], mode);
const after = (wanted: WantedWays): PresentWays => ({
  routes: [
    { subnet: SERVICES, gateway: '', link: 'lo' },
    ...wanted.ways.map((way) => ({
      subnet: way.subnet,
      gateway: way.how === 'route' ? way.via : way.subnet.replace('/24', ''),
      link: way.how === 'route' ? 'eth0' : wanted.tunnel!.device,
    })),
  ],
  neighbours: wanted.ways.flatMap((way) => (way.how === 'vxlan' ? [{ address: way.subnet.replace('/24', ''), mac: way.mac }] : [])),
  forwarding: wanted.ways.flatMap((way) => (way.how === 'vxlan' ? [{ mac: way.mac, end: way.end }] : [])),
  ...(wanted.tunnel === undefined ? {} : { tunnel: { ...wanted.tunnel, up: true, addresses: [wanted.tunnel.address] } }),
});

describe('the ways to pods of other hosts', () => {
  it('are routes on one link and VXLAN behind a router; none to a peer of the same host', () => {
    const { ways: found, tunnel, mtu, problems } = ways('auto');
    expect(found).toEqual([
      { node: 'node-2', subnet: '10.42.2.0/24', how: 'route', via: '10.77.0.2' },
      {
        node: 'node-3',
        subnet: '10.42.3.0/24',
        how: 'vxlan',
        end: '10.78.0.3',
        mac: expect.stringMatching(/^02(:[\da-f]{2}){5}$/) as string,
      },
    ]);
    expect(tunnel).toMatchObject({ local: '10.77.0.1', link: 'eth0', address: '10.42.1.0', mtu: 1450 });
    expect([mtu, problems]).toEqual([1450, []]);
    // The other end works out the same addresses.
    expect(planWays(world().state, 'cluster', [{ ...eth0, address: '10.77.0.1' }], 'vxlan').ways.map(({ how }) => how)).toEqual([
      'vxlan',
      'vxlan',
    ]);
  });

  it('that are to be routes alone are said to be missing where there is none, and cost no bytes of a packet', () => {
    const wanted = ways('routes');
    expect(wanted.ways.map(({ node }) => node)).toEqual(['node-2']);
    expect(wanted.problems).toEqual([expect.stringContaining('node-3 (10.78.0.3)')]);
    expect([wanted.mtu, wanted.tunnel]).toEqual([1500, undefined]);
  });

  it('stay while a peer is dead, and go with its node', () => {
    const made = world();
    made.setMember('node-2', 'dead');
    expect(ways('auto', made).ways).toHaveLength(2);
    made.bury('nodes//node-2');
    const wanted = ways('auto', made);
    const protocol = String(wanted.protocol);
    expect(planCommands(wanted, after(ways('auto')), SERVICES)).toEqual({ ip: [`route del 10.42.2.0/24 proto ${protocol}`], bridge: [] });
  });

  it('are made of nothing, and then left alone', () => {
    const wanted = ways('auto');
    const { ip, bridge } = planCommands(wanted, NOTHING, SERVICES);
    const { device, id, mac } = wanted.tunnel!;
    const far = wanted.ways[1] as { mac: string };
    expect(ip).toEqual([
      `link add ${device} address ${mac} type vxlan id ${id} local 10.77.0.1 dev eth0 dstport 8472 nolearning`,
      `link set ${device} mtu 1450 up`,
      `address replace 10.42.1.0/32 dev ${device}`,
      `route replace 10.42.2.0/24 via 10.77.0.2 proto ${wanted.protocol}`,
      `route replace 10.42.3.0/24 via 10.42.3.0 dev ${device} onlink proto ${wanted.protocol}`,
      `neigh replace 10.42.3.0 lladdr ${far.mac} dev ${device} nud permanent`,
      `route replace ${SERVICES} dev lo proto ${wanted.protocol}`,
    ]);
    expect(bridge).toEqual([`fdb replace ${far.mac} dev ${device} dst 10.78.0.3 self permanent`]);
    expect(planCommands(wanted, after(wanted), SERVICES)).toEqual({ ip: [], bridge: [] });
  });

  it('are put back one by one, and a tunnel that is another is made anew', () => {
    const wanted = ways('auto');
    const whole = after(wanted);
    expect(planCommands(wanted, { ...whole, routes: whole.routes.slice(0, 2) }, SERVICES).ip).toEqual([
      expect.stringContaining('route replace 10.42.3.0/24'),
    ]);
    expect(planCommands(wanted, { ...whole, forwarding: [] }, SERVICES).bridge).toHaveLength(1);
    const moved = planCommands(wanted, { ...whole, tunnel: { ...whole.tunnel!, local: '10.77.0.9' } }, SERVICES);
    expect([moved.ip[0], moved.ip.length, moved.bridge.length]).toEqual([`link del ${wanted.tunnel!.device}`, 6, 1]);
    expect(planCommands(ways('routes'), whole, SERVICES).ip).toEqual([
      expect.stringContaining('route del 10.42.3.0/24'),
      `link del ${wanted.tunnel!.device}`,
    ]);
  });
});
