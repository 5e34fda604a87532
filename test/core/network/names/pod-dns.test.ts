import { describe, expect, it } from 'vitest';
import { hostnameTrouble, podDns, podHostname, type DnsFacts } from '../../../../daemon/core/network/names/pod-dns.ts';
import { sandboxSpec } from '../../../../daemon/core/reconcile/container-start.ts';
import type { Pod, PodSpec } from '../../../../protocol/types.ts';
import { podObject } from '../../../support/cluster-view.ts';

const host = { nameservers: ['127.0.0.53', '192.0.2.1'], searches: ['office.example'], options: ['edns0'] };
const facts: DnsFacts = { domain: 'cluster.local', server: '10.42.7.1', host };
const pod = (spec: Partial<PodSpec>, name = 'web-0'): Pod =>
  podObject(name, { containers: [], ...spec }, { metadata: { namespace: 'shop', uid: 'u' } });
const dns = (spec: Partial<PodSpec>, of = facts) => podDns(pod(spec), of);
const cluster = {
  nameservers: ['10.42.7.1'],
  searches: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'office.example'],
  options: ['ndots:5'],
  fromNode: true,
};

describe('the resolver of a pod', () => {
  it('asks the node, and looks in its namespace, in all, in the cluster and where the host looks', () => {
    expect(dns({})).toEqual(cluster);
    expect(dns({ dnsPolicy: 'ClusterFirst' })).toEqual(cluster);
    expect(dns({ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true })).toEqual(cluster);
  });

  it('is the host’s own for Default, for a pod in the network of the host, and on a node that tells pods no names', () => {
    expect(dns({ dnsPolicy: 'Default' })).toBeUndefined();
    expect(dns({ dnsPolicy: 'ClusterFirst', hostNetwork: true })).toBeUndefined();
    expect(dns({}, { domain: 'cluster.local' })).toBeUndefined();
  });

  it('has what the pod adds: after the others, and an option in place of one of its name', () => {
    const dnsConfig = {
      nameservers: ['192.0.2.9', '10.42.7.1'],
      searches: ['mine.example', 'cluster.local'],
      options: [{ name: 'ndots', value: '2' }, { name: 'rotate' }],
    };
    expect(dns({ dnsConfig })).toEqual({
      ...cluster,
      nameservers: ['10.42.7.1', '192.0.2.9'],
      searches: [...cluster.searches, 'mine.example'],
      options: ['ndots:2', 'rotate'],
    });
    // A loopback address of the host is another one in the pod.
    expect(dns({ dnsPolicy: 'Default', dnsConfig })).toEqual({
      nameservers: ['192.0.2.1', '192.0.2.9', '10.42.7.1'],
      searches: ['office.example', 'mine.example', 'cluster.local'],
      options: ['edns0', 'ndots:2', 'rotate'],
    });
    expect(dns({ dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.9'] } })).toEqual({
      nameservers: ['192.0.2.9'],
      searches: [],
      options: [],
    });
  });

  it('has no more than resolvers take', () => {
    const searches = Array.from({ length: 40 }, (_, index) => `a${index}.example`);
    const many = dns({ dnsConfig: { nameservers: ['192.0.2.1', '192.0.2.2', '192.0.2.3'], searches } });
    expect(many?.nameservers).toEqual(['10.42.7.1', '192.0.2.1', '192.0.2.2']);
    expect(many?.searches).toHaveLength(32);
    expect(dns({ dnsConfig: { searches: searches.map((search) => `${'x'.repeat(200)}.${search}`) } })?.searches).toHaveLength(13);
  });
});

describe('the host name of a pod', () => {
  it('is its own, or that of the pod; its domain is that of the Service it is under', () => {
    expect(podHostname(pod({}), 'cluster.local')).toEqual({ hostname: 'web-0' });
    expect(podHostname(pod({}, `${'x'.repeat(62)}.yz`), 'cluster.local')).toEqual({ hostname: 'x'.repeat(62) });
    const named = { hostname: 'db-0', subdomain: 'db' };
    expect(podHostname(pod(named), 'kith.example')).toEqual({ hostname: 'db-0', domain: 'db.shop.svc.kith.example' });
    expect(podHostname(pod({ ...named, setHostnameAsFQDN: true }), 'kith.example')).toEqual({
      hostname: 'db-0.db.shop.svc.kith.example',
    });
    expect(podHostname(pod({ setHostnameAsFQDN: true }), 'cluster.local')).toEqual({ hostname: 'web-0' });
  });

  it('that no kernel takes is refused', () => {
    expect(hostnameTrouble('x'.repeat(64))).toBeUndefined();
    const long = pod({ hostname: 'x'.repeat(60), subdomain: 'db', setHostnameAsFQDN: true });
    expect(() => sandboxSpec(long, facts)).toThrow(/is too long \(64 characters is the max, 86 characters requested\)/);
  });

  it('waits for the address that pods ask at', () => {
    expect(() => sandboxSpec(pod({}), { domain: 'cluster.local', pending: true })).toThrow(/no subnet/);
    expect(sandboxSpec(pod({ hostname: 'a', subdomain: 'b' }), facts)).toMatchObject({
      hostname: 'a',
      domain: 'b.shop.svc.cluster.local',
      dns: { nameservers: ['10.42.7.1'] },
    });
  });
});
