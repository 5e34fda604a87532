import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../protocol/json.ts';
import { admit, pod, refuse } from './objects.ts';

function problems(spec: JsonObject, container: JsonObject = {}): string[] {
  return refuse(pod(spec, container)).causes.map((cause) => `${cause.field}: ${cause.message}`);
}

describe('a pod', () => {
  it.each<[JsonObject, JsonObject, string]>([
    [{ volumes: [{ name: 'v', nfs: { server: 's', path: '/' } }] }, {}, 'spec.volumes[0].nfs'],
    [{ runtimeClassName: 'kata' }, {}, 'spec.runtimeClassName'],
    [{ os: { name: 'windows' } }, {}, 'spec.os'],
    [{}, { resources: { limits: { 'nvidia.com/gpu': 1 } } }, 'spec.containers[0].resources.limits[nvidia.com/gpu]'],
    [{}, { restartPolicy: 'Never' }, 'spec.containers[0].restartPolicy'],
    [{ initContainers: [{ name: 'i', image: 'x', restartPolicy: 'Never' }] }, {}, 'spec.initContainers[0].restartPolicy'],
    [
      {},
      { env: [{ name: 'A', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'p', key: 'k' } } }] },
      'spec.containers[0].env[0].valueFrom.fileKeyRef',
    ],
  ])('that would be wrong to run is refused by name (%#)', (spec, container, field) => {
    const found = problems(spec, container);
    expect(found[0]).toMatch(/: Forbidden: not supported by Kith yet: /);
    expect(found[0]?.startsWith(`${field}: `), found[0]).toBe(true);
  });

  it.each<[JsonObject, JsonObject, string]>([
    [{}, { lifecycle: { stopSignal: 'SIGINT' } }, 'spec.containers[0].lifecycle.stopSignal'],
    [{}, { resources: { limits: { 'ephemeral-storage': '1Gi' } } }, 'spec.containers[0].resources.limits[ephemeral-storage]'],
    [{ securityContext: { seLinuxOptions: { level: 'x' } } }, {}, 'spec.securityContext.seLinuxOptions'],
    [{ hostUsers: false }, { securityContext: { procMount: 'Unmasked' } }, 'spec.containers[0].securityContext.procMount'],
    [{ hostUsers: false }, {}, 'spec.hostUsers'],
    [{ schedulerName: 'mine' }, {}, 'spec.schedulerName'],
  ])('that only loses quality is kept, and warned of (%#)', (spec, container, field) => {
    const { warnings } = admit(pod(spec, container));
    expect(warnings[0]?.startsWith(`${field}: is kept but has no effect yet: `), warnings.join('\n')).toBe(true);
  });

  it('that asks for nothing unusual is not warned of', () => {
    const spec: JsonObject = {
      initContainers: [],
      volumes: [],
      hostNetwork: false,
      affinity: {},
      tolerations: [],
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['10.0.0.53'], searches: ['a.example', '.'], options: [{ name: 'ndots', value: '2' }] },
      hostAliases: [{ ip: '10.0.0.9', hostnames: ['db.example'] }],
      subdomain: 'db',
      setHostnameAsFQDN: true,
      schedulerName: 'default-scheduler',
      serviceAccountName: 'default',
      automountServiceAccountToken: false,
      enableServiceLinks: true,
      priority: 0,
      securityContext: { runAsNonRoot: false },
      os: { name: 'linux' },
    };
    const container: JsonObject = { livenessProbe: null, securityContext: {}, lifecycle: {}, stdin: true, tty: true, workingDir: '/x' };
    expect(admit(pod(spec, container)).warnings).toEqual([]);
  });

  it('may use every field of the downward API', () => {
    const paths = [
      'metadata.name',
      'metadata.uid',
      "metadata.labels['a.b/c']",
      "metadata.annotations['x']",
      'status.podIP',
      'spec.nodeName',
    ];
    const env = paths.map((fieldPath, index) => ({ name: `V${index}`, valueFrom: { fieldRef: { fieldPath } } }));
    const limit = { name: 'L', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } };
    const { object, warnings } = admit(pod({}, { env: [...env, limit] }));
    expect(warnings).toEqual([]);
    expect(object.spec).toMatchObject({
      containers: [
        {
          env: [
            { valueFrom: { fieldRef: { apiVersion: 'v1' } } },
            {},
            {},
            {},
            {},
            {},
            { valueFrom: { resourceFieldRef: { divisor: '0' } } },
          ],
        },
      ],
    });
  });
});
