import { describe, expect, it } from 'vitest';
import { answerName } from '../../../../daemon/core/network/names/answer.ts';
import { nameWorld } from '../../../../daemon/core/network/names/world.ts';
import { container, worldOf } from '../../../support/cluster-view.ts';
import { addServingPod, freshTable, serviceObject } from '../../../support/service-world.ts';

const world = worldOf(1);
world.converge();
world.create(
  serviceObject('web', {
    ports: [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  }),
  serviceObject('db', { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] }),
  serviceObject('bare', { clusterIP: 'None', ports: [] }),
  serviceObject('gone', { clusterIP: 'None' }),
  serviceObject('out', { type: 'ExternalName', externalName: 'example.com.' }),
);
addServingPod(world, 'db-0', {
  node: 'node-1',
  ip: '10.42.1.2',
  app: 'db',
  spec: { hostname: 'db-0', subdomain: 'db', containers: [container()] },
});
addServingPod(world, 'db-1', {
  node: 'node-1',
  ip: '10.42.1.3',
  app: 'db',
  ready: false,
  spec: { hostname: 'db-1', subdomain: 'db', containers: [container()] },
});
addServingPod(world, 'x', {
  node: 'node-1',
  ip: '10.42.1.4',
  app: 'bare',
  spec: { hostname: 'x', subdomain: 'other', containers: [container()] },
});
const names = nameWorld(world.state, freshTable(world));

/** Data of the records, or what there is instead. */
function ask(name: string, type = 'A'): unknown {
  const answer = answerName(names, name, type);
  if (answer === undefined) return 'elsewhere';
  if (!answer.exists) return 'NXDOMAIN';
  return answer.records.map((record) =>
    record.type === 'A' ? record.ip : record.type === 'SRV' ? `${record.port} ${record.target}` : record.target,
  );
}

describe('names of the cluster', () => {
  it.each([
    ['web.default.svc.cluster.local', 'A', ['10.96.0.9']],
    ['web.default.svc.cluster.local', 'AAAA', []],
    ['db.default.svc.cluster.local', 'A', ['10.42.1.2']],
    ['bare.default.svc.cluster.local', 'A', ['10.42.1.4']],
    ['gone.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['out.default.svc.cluster.local', 'A', ['example.com']],
    ['db-0.db.default.svc.cluster.local', 'A', ['10.42.1.2']],
    ['db-1.db.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['10-42-1-4.bare.default.svc.cluster.local', 'A', ['10.42.1.4']],
    ['x.bare.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['x.web.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['_http._tcp.web.default.svc.cluster.local', 'SRV', ['80 web.default.svc.cluster.local']],
    ['_dns._udp.web.default.svc.cluster.local', 'SRV', ['53 web.default.svc.cluster.local']],
    ['_http._udp.web.default.svc.cluster.local', 'SRV', 'NXDOMAIN'],
    ['_sql._tcp.db.default.svc.cluster.local', 'SRV', ['5432 db-0.db.default.svc.cluster.local']],
    ['9.0.96.10.in-addr.arpa', 'PTR', ['web.default.svc.cluster.local']],
    ['2.1.42.10.in-addr.arpa', 'PTR', ['db-0.db.default.svc.cluster.local']],
    ['1.2.0.192.in-addr.arpa', 'PTR', 'elsewhere'],
    ['10-42-1-2.default.pod.cluster.local', 'A', ['10.42.1.2']],
    ['10-42-1-2.nowhere.pod.cluster.local', 'A', 'NXDOMAIN'],
    ['default.svc.cluster.local', 'A', []],
    ['cluster.local', 'A', []],
    ['web.cluster.local', 'A', 'NXDOMAIN'],
    ['none.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['a.b.c.web.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['example.com', 'A', 'elsewhere'],
    ['notcluster.local', 'A', 'elsewhere'],
  ])('%s %s', (name, type, expected) => {
    expect(ask(name, type)).toEqual(expected);
  });

  it('come with the addresses of what a SRV record names', () => {
    expect(answerName(names, '_sql._tcp.db.default.svc.cluster.local', 'SRV')?.additional).toEqual([
      { name: 'db-0.db.default.svc.cluster.local', ttl: 5, type: 'A', ip: '10.42.1.2' },
    ]);
  });
});
