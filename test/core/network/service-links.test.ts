import { describe, expect, it } from 'vitest';
import { serviceLinks } from '../../../daemon/core/network/service-links.ts';
import type { Pod } from '../../../protocol/types.ts';
import { podObject, worldOf } from '../../support/cluster-view.ts';
import { freshTable, serviceObject } from '../../support/service-world.ts';

describe('variables that tell programs of services', () => {
  const world = worldOf(1);
  world.converge();
  world.create(
    serviceObject('web-front', {
      clusterIP: '10.96.0.9',
      ports: [
        { name: 'http', port: 80 },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
    }),
    serviceObject('none', { clusterIP: 'None' }),
  );
  world.edit('members.kith.dev//peer-node-1', (draft) => {
    draft['spec'] = { ...(draft['spec'] as object), apiAddresses: ['https://192.0.2.1:6443'] };
  });
  const services = freshTable(world).list();
  const links = (pod: Pod): Record<string, string> => serviceLinks(services, pod);

  it('have the names that kubelet gives them', () => {
    expect(links(podObject('a'))).toMatchObject({
      WEB_FRONT_SERVICE_HOST: '10.96.0.9',
      WEB_FRONT_SERVICE_PORT: '80',
      WEB_FRONT_SERVICE_PORT_HTTP: '80',
      WEB_FRONT_SERVICE_PORT_DNS: '53',
      WEB_FRONT_PORT: 'tcp://10.96.0.9:80',
      WEB_FRONT_PORT_80_TCP: 'tcp://10.96.0.9:80',
      WEB_FRONT_PORT_80_TCP_PROTO: 'tcp',
      WEB_FRONT_PORT_80_TCP_PORT: '80',
      WEB_FRONT_PORT_80_TCP_ADDR: '10.96.0.9',
      WEB_FRONT_PORT_53_UDP: 'udp://10.96.0.9:53',
    });
    expect(links(podObject('a'))).not.toHaveProperty('NONE_SERVICE_HOST');
  });

  it('tell of other namespaces, and where links are off, only of the API of the own host', () => {
    const api = { KUBERNETES_SERVICE_HOST: '192.0.2.1', KUBERNETES_SERVICE_PORT: '6443', KUBERNETES_SERVICE_PORT_HTTPS: '6443' };
    const elsewhere = podObject('a');
    elsewhere.metadata.namespace = 'other';
    for (const pod of [elsewhere, podObject('a', { enableServiceLinks: false })]) {
      expect(links(pod)).toMatchObject(api);
      expect(links(pod)).not.toHaveProperty('WEB_FRONT_SERVICE_HOST');
    }
  });
});
