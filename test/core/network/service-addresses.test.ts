import { describe, expect, it } from 'vitest';
import { giveServiceAddresses } from '../../../daemon/core/network/service-addresses.ts';
import type { StoredObject } from '../../../protocol/objects.ts';
import type { ServiceSpec } from '../../../protocol/types.ts';

function service(name: string, spec: ServiceSpec): StoredObject & { spec: ServiceSpec } {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default', uid: '', creationTimestamp: '' }, spec };
}

describe('the addresses of a Service', () => {
  it('are in their ranges, follow from its name, and are not those of another', () => {
    const first = service('web', { type: 'NodePort', ports: [{ port: 80 }, { port: 81 }] });
    expect(giveServiceAddresses(first, undefined, [])).toEqual([]);
    expect(first.spec.clusterIP).toMatch(/^10\.(9[6-9]|10\d|11[01])\.\d+\.\d+$/);
    expect(first.spec.clusterIPs).toEqual([first.spec.clusterIP]);
    const ports = first.spec.ports?.map(({ nodePort }) => nodePort ?? 0) ?? [];
    expect(new Set(ports).size).toBe(2);
    for (const port of ports) expect(port >= 30000 && port <= 32767).toBe(true);

    const same = service('web', { ports: [{ port: 80 }] });
    giveServiceAddresses(same, undefined, []);
    expect(same.spec.clusterIP).toBe(first.spec.clusterIP);
    const other = service('web', { ports: [{ port: 80 }] });
    giveServiceAddresses(other, undefined, [first]);
    expect(other.spec.clusterIP).not.toBe(first.spec.clusterIP);
  });

  it('stay as they are, and are not given where none are wanted', () => {
    const before = service('web', { clusterIP: '10.96.0.9', ports: [{ port: 80 }] });
    const next = structuredClone(before);
    expect(giveServiceAddresses(next, before, [])).toEqual([]);
    expect(next).toEqual(before);
    for (const spec of [{ clusterIP: 'None' }, { type: 'ExternalName', externalName: 'a.b' } as const]) {
      const headless = service('web', spec);
      expect(giveServiceAddresses(headless, undefined, [])).toEqual([]);
      expect(headless.spec).toEqual(spec);
    }
  });

  it('can not be somebody else’s, or out of range', () => {
    const taken = service('a', { type: 'NodePort', clusterIP: '10.96.0.9', ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] });
    const problems = (spec: ServiceSpec): string[] =>
      giveServiceAddresses(service('b', spec), undefined, [taken]).map(({ field, message }) => `${field}: ${message}`);
    expect(problems({ clusterIP: '10.96.0.9' })).toEqual([
      'spec.clusterIPs: Invalid value: ["10.96.0.9"]: failed to allocate IP 10.96.0.9: provided IP is already allocated',
    ]);
    expect(problems({ clusterIP: '192.168.0.1' })[0]).toContain('is not in the valid range. The range of valid IPs is 10.96.0.0/12');
    const asking = (nodePort: number): ServiceSpec => ({ type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', nodePort }] });
    expect(problems(asking(30080))).toEqual(['spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated']);
    expect(problems(asking(80))[0]).toContain('The range of valid ports is 30000-32767');
  });
});
