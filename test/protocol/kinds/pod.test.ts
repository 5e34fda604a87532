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
    [{}, { env: [{ name: '1a', value: 'x' }] }, 'spec.containers[0].env[0].name: Invalid value: "1a": a valid environment variable name'],
    [{}, { env: [{ name: 'A', valueFrom: {} }] }, 'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of'],
    [
      {},
      { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.foo' } } }] },
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "spec.foo": supported values: "metadata.name"',
    ],
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
    [{ hostname: 'A' }, {}, 'spec.hostname: Invalid value: "A": a lowercase RFC 1123 label'],
  ])('against the rules is refused in the words of Kubernetes (%#)', (spec, container, message) => {
    const found = problems(spec, container);
    expect(
      found.some((problem) => problem.startsWith(message)),
      found.join('\n'),
    ).toBe(true);
  });

  it.each<[JsonObject, JsonObject, string]>([
    [{ initContainers: [{ name: 'i', image: 'x' }] }, {}, 'spec.initContainers'],
    [{ volumes: [{ name: 'v', emptyDir: {} }] }, {}, 'spec.volumes'],
    [{ hostNetwork: true }, {}, 'spec.hostNetwork'],
    [{ hostPID: true }, {}, 'spec.hostPID'],
    [{ os: { name: 'windows' } }, {}, 'spec.os'],
    [{}, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }, 'spec.containers[0].volumeMounts'],
    [{}, { envFrom: [{ configMapRef: { name: 'c' } }] }, 'spec.containers[0].envFrom'],
    [
      {},
      { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] },
      'spec.containers[0].env[0].valueFrom.secretKeyRef',
    ],
    [{}, { resources: { limits: { 'nvidia.com/gpu': 1 } } }, 'spec.containers[0].resources.limits[nvidia.com/gpu]'],
  ])('that would be wrong to run is refused by name (%#)', (spec, container, field) => {
    const found = problems(spec, container);
    expect(found[0]).toMatch(/: Forbidden: not supported by Kith yet: /);
    expect(found[0]?.startsWith(`${field}: `), found[0]).toBe(true);
  });

  it.each<[JsonObject, JsonObject, string]>([
    [{}, { livenessProbe: { httpGet: { port: 80 } } }, 'spec.containers[0].livenessProbe'],
    [{}, { lifecycle: { preStop: { exec: { command: ['x'] } } } }, 'spec.containers[0].lifecycle'],
    [{}, { securityContext: { runAsUser: 0 } }, 'spec.containers[0].securityContext'],
    [{}, { resources: { limits: { 'ephemeral-storage': '1Gi' } } }, 'spec.containers[0].resources.limits[ephemeral-storage]'],
    [{ securityContext: { runAsNonRoot: true } }, {}, 'spec.securityContext'],
    [{ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{}] } } } }, {}, 'spec.affinity'],
    [{ tolerations: [{ operator: 'Exists' }] }, {}, 'spec.tolerations'],
    [{ serviceAccountName: 'robot' }, {}, 'spec.serviceAccountName'],
    [{ dnsPolicy: 'None' }, {}, 'spec.dnsPolicy'],
    [{ hostUsers: false }, {}, 'spec.hostUsers'],
    [{ activeDeadlineSeconds: 5 }, {}, 'spec.activeDeadlineSeconds'],
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
      dnsPolicy: 'ClusterFirst',
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
