import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../protocol/json.ts';
import { admit, pod, refuse } from './objects.ts';

function problems(spec: JsonObject, container: JsonObject = {}): string[] {
  return refuse(pod(spec, container)).causes.map((cause) => `${cause.field}: ${cause.message}`);
}

describe('a pod', () => {
  it.each<[JsonObject, JsonObject, string]>([
    [
      {
        containers: [
          { name: 'a', image: 'x' },
          { name: 'a', image: 'y' },
        ],
      },
      {},
      'spec.containers[1].name: Duplicate value: "a"',
    ],
    [{}, { name: 'A_b' }, 'spec.containers[0].name: Invalid value: "A_b": a lowercase RFC 1123 label must consist of'],
    [{}, { image: ' x' }, 'spec.containers[0].image: Invalid value: " x": must not have leading or trailing whitespace'],
    [
      {},
      { ports: [{ containerPort: 70000 }] },
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [
      {},
      { ports: [{ containerPort: 80, protocol: 'tcp' }] },
      'spec.containers[0].ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      {},
      {
        ports: [
          { containerPort: 80, hostPort: 80 },
          { containerPort: 81, hostPort: 80 },
        ],
      },
      'spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"',
    ],
    [
      { tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] },
      {},
      'spec.tolerations[0].operator: Invalid value: {"key":"a","operator":"Exists","value":"b"}: value must be empty when `operator` is \'Exists\'',
    ],
    [
      { tolerations: [{ operator: 'Exists' }, { value: 'b' }] },
      {},
      'spec.tolerations[1].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
    [
      { tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 3 }] },
      {},
      'spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be \'NoExecute\' when `tolerationSeconds` is set',
    ],
    [
      { tolerations: [{ key: 'a', value: '-b' }] },
      {},
      'spec.tolerations[0].operator: Invalid value: "-b": a valid label must be an empty string or consist of alphanumeric characters',
    ],
    [
      {},
      { securityContext: { runAsUser: -1 } },
      'spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ],
    [{}, { env: [{ name: '1a', value: 'x' }] }, 'spec.containers[0].env[0].name: Invalid value: "1a": a valid environment variable name'],
    [{}, { env: [{ name: 'A', valueFrom: {} }] }, 'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of'],
    [
      {},
      { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.foo' } } }] },
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "spec.foo": supported values: "metadata.name"',
    ],
    [
      {},
      { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: '..k' } } }] },
      'spec.containers[0].env[0].valueFrom.secretKeyRef.key: Invalid value: "..k": must not start with \'..\'',
    ],
    [
      { initContainers: [{ name: 'i', image: 'x', livenessProbe: { tcpSocket: { port: 1 } } }] },
      {},
      'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
    [
      { initContainers: [{ name: 'i', image: 'x', restartPolicy: 'Never' }] },
      {},
      'spec.initContainers[0].restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
    [{}, { restartPolicy: 'Always' }, 'spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers'],
    [{}, { lifecycle: { preStop: {} } }, 'spec.containers[0].lifecycle.preStop: Required value: must specify a handler type'],
    [{}, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }, 'spec.containers[0].volumeMounts[0].name: Not found: "v"'],
    [
      { volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] },
      {},
      'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
    ],
    [
      { volumes: [{ name: 'v', emptyDir: {} }] },
      { volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'a/../b' }] },
      'spec.containers[0].volumeMounts[0].subPath: Invalid value: "a/../b": must not contain \'..\'',
    ],
    [{}, { livenessProbe: {} }, 'spec.containers[0].livenessProbe: Required value: must specify a handler type'],
    [
      {},
      { readinessProbe: { exec: { command: ['x'] }, tcpSocket: { port: 1 } } },
      'spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
    ],
    [
      {},
      { livenessProbe: { tcpSocket: { port: 0 } } },
      'spec.containers[0].livenessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
    [
      {},
      { startupProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } },
      'spec.containers[0].startupProbe.successThreshold: Invalid value: 2: must be 1',
    ],
    [{}, { envFrom: [{ configMapRef: {} }] }, 'spec.containers[0].envFrom[0].configMapRef.name: Required value'],
    [{}, { envFrom: [{}] }, 'spec.containers[0].envFrom[0]: Invalid value: "": must specify one of: `configMapRef` or `secretRef`'],
    [
      {},
      { resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } },
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ],
    [
      {},
      { resources: { limits: { memory: '-1' } } },
      'spec.containers[0].resources.limits[memory]: Invalid value: "-1": must be greater than or equal to 0',
    ],
    [
      { restartPolicy: 'Sometimes' },
      {},
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
    ],
    [
      { terminationGracePeriodSeconds: -1 },
      {},
      'spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0',
    ],
    [{ nodeSelector: { 'a b': 'x' } }, {}, 'spec.nodeSelector: Invalid value: "a b": name part must consist of'],
    [{ dnsPolicy: 'None' }, {}, "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is 'None'"],
    [
      { dnsPolicy: 'None', dnsConfig: { searches: ['a'] } },
      {},
      "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is 'None'",
    ],
    [{ dnsConfig: { nameservers: ['one'] } }, {}, 'spec.dnsConfig.nameservers[0]: Invalid value: "one": must be a valid IP address'],
    [
      { dnsConfig: { nameservers: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'] } },
      {},
      'spec.dnsConfig.nameservers: Invalid value: ["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"]: must not have more than 3 nameservers',
    ],
    [
      { hostAliases: [{ ip: '1.1.1.1', hostnames: ['a b'] }] },
      {},
      'spec.hostAliases[0].hostnames: Invalid value: "a b": a lowercase RFC 1123 subdomain',
    ],
    [{ hostname: 'A' }, {}, 'spec.hostname: Invalid value: "A": a lowercase RFC 1123 label'],
  ])('against the rules is refused in the words of Kubernetes (%#)', (spec, container, message) => {
    const found = problems(spec, container);
    expect(
      found.some((problem) => problem.startsWith(message)),
      found.join('\n'),
    ).toBe(true);
  });

  it.each<[JsonObject, JsonObject, string]>([
    [{ volumes: [{ name: 'v', nfs: { server: 's', path: '/' } }] }, {}, 'spec.volumes[0].nfs'],
    [{ runtimeClassName: 'kata' }, {}, 'spec.runtimeClassName'],
    [{ os: { name: 'windows' } }, {}, 'spec.os'],
    [{}, { resources: { limits: { 'nvidia.com/gpu': 1 } } }, 'spec.containers[0].resources.limits[nvidia.com/gpu]'],
  ])('that would be wrong to run is refused by name (%#)', (spec, container, field) => {
    const found = problems(spec, container);
    expect(found[0]).toMatch(/: Forbidden: not supported by Kith yet: /);
    expect(found[0]?.startsWith(`${field}: `), found[0]).toBe(true);
  });

  it.each<[JsonObject, JsonObject, string]>([
    [{}, { lifecycle: { stopSignal: 'SIGINT' } }, 'spec.containers[0].lifecycle.stopSignal'],
    [{}, { securityContext: { procMount: 'Unmasked' } }, 'spec.containers[0].securityContext.procMount'],
    [{}, { resources: { limits: { 'ephemeral-storage': '1Gi' } } }, 'spec.containers[0].resources.limits[ephemeral-storage]'],
    [{ securityContext: { seLinuxOptions: { level: 'x' } } }, {}, 'spec.securityContext.seLinuxOptions'],
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
