import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../protocol/json.ts';
import { admit, pod } from '../objects.ts';
import { LABEL, PORT, SUBDOMAIN, wrong } from './refusals.ts';

const at = 'spec.containers[0]';
const HEADER =
  "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
const ENV_FIELDS =
  '"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"';

describe('of a container', () => {
  it.each<[string, JsonObject, string[]]>([
    ['a name', { name: 'A_b' }, [`${at}.name: Invalid value: "A_b": ${LABEL}`]],
    [
      'a name that is too long',
      { name: 'a'.repeat(64) },
      [`${at}.name: Invalid value: "${'a'.repeat(64)}": must be no more than 63 characters`],
    ],
    ['an image', { image: ' x' }, [`${at}.image: Invalid value: " x": must not have leading or trailing whitespace`]],
    [
      'a pull policy',
      { imagePullPolicy: 'Maybe' },
      [`${at}.imagePullPolicy: Unsupported value: "Maybe": supported values: "Always", "IfNotPresent", "Never"`],
    ],
    [
      'what is read of its last words',
      { terminationMessagePolicy: 'Mail' },
      [`${at}.terminationMessagePolicy: Unsupported value: "Mail": supported values: "File", "FallbackToLogsOnError"`],
    ],
    [
      'ports',
      { ports: [{ name: 'Web--1', containerPort: 0, hostPort: 70000, protocol: 'tcp' }] },
      [
        `${at}.ports[0].name: Invalid value: "Web--1": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)`,
        `${at}.ports[0].name: Invalid value: "Web--1": must not contain consecutive hyphens`,
        `${at}.ports[0].containerPort: Required value`,
        `${at}.ports[0].hostPort: Invalid value: 70000: ${PORT}`,
        `${at}.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"`,
      ],
    ],
    [
      'ports that are there twice',
      {
        ports: [
          { name: 'web', containerPort: 80, hostPort: 80 },
          { name: 'web', containerPort: 81, hostPort: 80 },
        ],
      },
      [`${at}.ports[1].name: Duplicate value: "web"`, `${at}.ports[1].hostPort: Duplicate value: "TCP//80"`],
    ],
    [
      'a variable',
      { env: [{ name: 'A=B' }, { value: 'x' }] },
      [
        `${at}.env[0].name: Invalid value: "A=B": a valid environment variable name must consist only of printable ASCII characters other than '='`,
        `${at}.env[1].name: Required value`,
      ],
    ],
    [
      'where a variable comes from',
      { env: [{ name: 'A', valueFrom: {} }] },
      [
        `${at}.env[0].valueFrom: Invalid value: "": must specify one of: \`fieldRef\`, \`resourceFieldRef\`, \`configMapKeyRef\`, \`secretKeyRef\` or \`fileKeyRef\``,
      ],
    ],
    [
      'a variable with a value and a source',
      { env: [{ name: 'A', value: 'x', valueFrom: { secretKeyRef: { name: 's', key: '..k' } } }] },
      [
        `${at}.env[0].valueFrom.secretKeyRef.key: Invalid value: "..k": must not start with '..'`,
        `${at}.env[0].valueFrom: Invalid value: "": may not be specified when \`value\` is not empty`,
      ],
    ],
    [
      'a key of nothing',
      { env: [{ name: 'A', valueFrom: { configMapKeyRef: { key: 'k' } } }] },
      [`${at}.env[0].valueFrom.configMapKeyRef.name: Invalid value: "": ${SUBDOMAIN}`],
    ],
    [
      'a field that is none',
      { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.foo' } } }] },
      [
        `${at}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.foo": error converting fieldPath: field label not supported: spec.foo`,
      ],
    ],
    [
      'a field that no variable may have',
      { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.phase' } } }] },
      [`${at}.env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: ${ENV_FIELDS}`],
    ],
    [
      'a resource and its unit',
      { env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '2' } } }] },
      [
        `${at}.env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource`,
      ],
    ],
    [
      'variables of nothing',
      { envFrom: [{ prefix: '=' }, { configMapRef: {} }] },
      [
        `${at}.envFrom[0].prefix: Invalid value: "=": a valid environment variable name must consist only of printable ASCII characters other than '='`,
        `${at}.envFrom[1].configMapRef.name: Required value`,
        `${at}.envFrom: Invalid value: "": must specify one of: \`configMapRef\` or \`secretRef\``,
      ],
    ],
    [
      'resources',
      { resources: { limits: { cpu: '1', memory: '-1' }, requests: { cpu: '2' } } },
      [
        `${at}.resources.limits[memory]: Invalid value: "-1": must be greater than or equal to 0`,
        `${at}.resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0`,
        `${at}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`,
      ],
    ],
    [
      'a resource that there is not',
      { resources: { requests: { gpu: '1' } } },
      [
        `${at}.resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified`,
        `${at}.resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers`,
        `${at}.resources.requests[gpu]: Forbidden: not supported by Kith yet: no node offers this resource`,
      ],
    ],
    [
      'ids, and a profile',
      { securityContext: { runAsUser: -1, seccompProfile: { type: 'Own' }, appArmorProfile: {} } },
      [
        `${at}.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive`,
        `${at}.securityContext.seccompProfile.type: Unsupported value: "Own": supported values: "Localhost", "RuntimeDefault", "Unconfined"`,
        `${at}.securityContext.appArmorProfile.type: Required value: type is required when appArmorProfile is set`,
      ],
    ],
    [
      'all privileges and none',
      { securityContext: { privileged: true, allowPrivilegeEscalation: false } },
      [
        `${at}.securityContext: Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set \`allowPrivilegeEscalation\` to false and \`privileged\` to true`,
      ],
    ],
    [
      'how /proc is mounted',
      { securityContext: { procMount: 'Unmasked' } },
      [`${at}.securityContext.procMount: Invalid value: "Unmasked": \`hostUsers\` must be false to use \`Unmasked\``],
    ],
    ['a probe of nothing', { livenessProbe: {} }, [`${at}.livenessProbe: Required value: must specify a handler type`]],
    [
      'a probe of two things',
      { readinessProbe: { exec: {}, tcpSocket: {}, terminationGracePeriodSeconds: 0 } },
      [
        `${at}.readinessProbe.exec.command: Required value`,
        `${at}.readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type`,
        `${at}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0`,
        `${at}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 0: must not be set for readinessProbes`,
      ],
    ],
    [
      'an HTTP probe',
      { livenessProbe: { httpGet: { scheme: 'FTP', httpHeaders: [{ name: 'X Y' }] }, periodSeconds: -1 } },
      [
        `${at}.livenessProbe.httpGet.port: Invalid value: 0: ${PORT}`,
        `${at}.livenessProbe.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS"`,
        `${at}.livenessProbe.httpGet.httpHeaders: Invalid value: "X Y": ${HEADER}`,
        `${at}.livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0`,
      ],
    ],
    [
      'a probe that must succeed twice',
      { startupProbe: { tcpSocket: { port: 'no port!' }, successThreshold: 2 } },
      [
        `${at}.startupProbe.tcpSocket.port: Invalid value: "no port!": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)`,
        `${at}.startupProbe.successThreshold: Invalid value: 2: must be 1`,
      ],
    ],
    ['a gRPC probe', { livenessProbe: { grpc: {} } }, [`${at}.livenessProbe.grpc.port: Invalid value: 0: ${PORT}`]],
    [
      'a hook',
      { lifecycle: { postStart: {}, preStop: { sleep: { seconds: 31 } } } },
      [
        `${at}.lifecycle.postStart: Required value: must specify a handler type`,
        `${at}.lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)`,
      ],
    ],
    [
      'a restart policy of its own',
      { restartPolicy: 'Sometimes' },
      [`${at}.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"`],
    ],
  ])('%s is refused in the words of Kubernetes', (_what, container, causes) => {
    expect(wrong(pod({}, container))).toEqual(causes);
  });

  it.each<[string, JsonObject]>([
    ['nearly any name of a variable', { env: [{ name: '1.a b!', value: 'x' }] }],
    ['a sleep of no time', { lifecycle: { preStop: { sleep: { seconds: 0 } } } }],
    ['huge pages as a variable', { env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.hugepages-2Mi' } } }] }],
  ])('%s is taken', (_what, container) => {
    expect(() => admit(pod({}, container))).not.toThrow();
  });
});

describe('of init containers', () => {
  it.each<[string, JsonObject, string[]]>([
    [
      'a probe',
      { livenessProbe: { tcpSocket: { port: 1 } } },
      ['spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always'],
    ],
    ['the name of another', { name: 'a' }, ['spec.initContainers[0].name: Duplicate value: "a"']],
  ])('%s is refused in the words of Kubernetes', (_what, init, causes) => {
    expect(wrong(pod({ initContainers: [{ name: 'i', image: 'x', ...init }] }))).toEqual(causes);
  });
});

describe('of volumes and mounts', () => {
  const modes = 'must be a number between 0 and 0777 (octal), both inclusive';
  it.each<[string, JsonObject[], JsonObject[], string[]]>([
    [
      'a name',
      [{ name: 'V', emptyDir: {} }, { emptyDir: {} }],
      [],
      [`spec.volumes[0].name: Invalid value: "V": ${LABEL}`, 'spec.volumes[1].name: Required value'],
    ],
    [
      'two sources',
      [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }],
      [],
      ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
    ],
    [
      'a host path',
      [{ name: 'v', hostPath: { path: '/a/../b', type: 'Link' } }],
      [],
      [
        'spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
        'spec.volumes[0].hostPath.type: Unsupported value: "Link": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
      ],
    ],
    [
      'a ConfigMap',
      [{ name: 'v', configMap: { defaultMode: 512, items: [{ path: '../x' }] } }],
      [],
      [
        'spec.volumes[0].configMap.name: Required value',
        'spec.volumes[0].configMap.items[0].key: Required value',
        'spec.volumes[0].configMap.items[0].path: Invalid value: "../x": must not contain \'..\'',
        `spec.volumes[0].configMap.defaultMode: Invalid value: 512: ${modes}`,
      ],
    ],
    [
      'a file of a field',
      [{ name: 'v', downwardAPI: { items: [{ path: '/x' }, { path: 'y', fieldRef: { fieldPath: 'status.podIP' } }] } }],
      [],
      [
        'spec.volumes[0].downwardAPI.path: Invalid value: "/x": must be a relative path',
        'spec.volumes[0].downwardAPI.fieldRef.fieldPath: Unsupported value: "status.podIP": supported values: "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"',
        'spec.volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required',
      ],
    ],
    [
      'a token',
      [{ name: 'v', projected: { sources: [{ serviceAccountToken: { expirationSeconds: 60 } }] } }],
      [],
      [
        'spec.volumes[0].projected.path: Required value',
        'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
      ],
    ],
    [
      'one path of two sources',
      [
        {
          name: 'v',
          projected: {
            sources: [
              { configMap: { name: 'c', items: [{ key: 'k', path: 'p' }] } },
              { secret: { name: 's', items: [{ key: 'k', path: 'p' }] } },
            ],
          },
        },
      ],
      [],
      ['spec.volumes[0].projected: Invalid value: "s": conflicting duplicate paths'],
    ],
    [
      'a mount',
      [{ name: 'v', emptyDir: {} }],
      [{ name: 'w' }, { name: 'v', mountPath: '/v', subPath: 'a/../b', mountPropagation: 'Bidirectional' }],
      [
        `${at}.volumeMounts.subPath: Invalid value: "a/../b": must not contain '..'`,
        `${at}.volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers`,
        `${at}.volumeMounts[0].name: Not found: "w"`,
        `${at}.volumeMounts[0].mountPath: Required value`,
      ],
    ],
    [
      'a mount at the place of another, of a volume that is wrong',
      [{ name: 'v', secret: {} }],
      [
        { name: 'v', mountPath: '/v' },
        { name: 'v', mountPath: '/v' },
      ],
      [
        'spec.volumes[0].secret.secretName: Required value',
        `${at}.volumeMounts[0].name: Not found: "v"`,
        `${at}.volumeMounts[1].name: Not found: "v"`,
        `${at}.volumeMounts[1].mountPath: Invalid value: "/v": must be unique`,
      ],
    ],
  ])('%s is refused in the words of Kubernetes', (_what, volumes, volumeMounts, causes) => {
    expect(wrong(pod({ volumes }, { volumeMounts }))).toEqual(causes);
  });
});

it('a port of the node is the same inside, in the network of the node', () => {
  expect(wrong(pod({ hostNetwork: true }, { ports: [{ containerPort: 80, hostPort: 81 }] }))).toEqual([
    `${at}.ports[0].hostPort: Invalid value: 81: must match \`containerPort\` when \`hostNetwork\` is true`,
  ]);
});
