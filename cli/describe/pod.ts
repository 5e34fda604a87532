import { asContainer } from '../../protocol/kinds/ephemeral-container.ts';
import type { Condition } from '../../protocol/conditions.ts';
import type { Container, ContainerState, ContainerStatus, EnvVarSource, Pod, Volume } from '../../protocol/types.ts';
import { mapLines, type Entry } from './lines.ts';

export function describePod(pod: Pod): Entry[] {
  const status = pod.status ?? {};
  const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller);
  return [
    ['Node', pod.spec.nodeName === undefined ? '<none>' : `${pod.spec.nodeName}/${status.hostIP ?? ''}`],
    ...(status.startTime === undefined ? [] : ([['Start Time', status.startTime]] as Entry[])),
    [
      'Status',
      pod.metadata.deletionTimestamp === undefined ? (status.phase ?? 'Unknown') : `Terminating (since ${pod.metadata.deletionTimestamp})`,
    ],
    ...(status.reason === undefined ? [] : ([['Reason', status.reason]] as Entry[])),
    ...(status.message === undefined ? [] : ([['Message', status.message]] as Entry[])),
    ['IP', status.podIP ?? ''],
    ...(owner === undefined ? [] : ([['Controlled By', `${owner.kind}/${owner.name}`]] as Entry[])),
    ...(pod.spec.initContainers === undefined
      ? []
      : ([
          [
            'Init Containers',
            { entries: pod.spec.initContainers.map((container) => containerEntry(container, status.initContainerStatuses ?? [])) },
          ],
        ] as Entry[])),
    ['Containers', { entries: pod.spec.containers.map((container) => containerEntry(container, status.containerStatuses ?? [])) }],
    ...(pod.spec.ephemeralContainers === undefined
      ? []
      : ([
          [
            'Ephemeral Containers',
            {
              entries: pod.spec.ephemeralContainers.map((each) =>
                containerEntry(asContainer(each), status.ephemeralContainerStatuses ?? []),
              ),
            },
          ],
        ] as Entry[])),
    ['Conditions', conditionLines((status.conditions ?? []) as Condition[])],
    ['Volumes', (pod.spec.volumes ?? []).map(volumeText)],
    ['QoS Class', status.qosClass ?? 'BestEffort'],
    ['Node-Selectors', mapLines(pod.spec.nodeSelector)],
  ];
}

function containerEntry(container: Container, statuses: readonly ContainerStatus[]): Entry {
  const status = statuses.find((candidate) => candidate.name === container.name);
  const ports = (container.ports ?? []).map((port) => `${port.containerPort}/${port.protocol ?? 'TCP'}`);
  const hostPorts = (container.ports ?? []).map((port) => `${port.hostPort ?? 0}/${port.protocol ?? 'TCP'}`);
  const entries: Entry[] = [
    ['Container ID', status?.containerID ?? ''],
    ['Image', container.image ?? ''],
    ['Image ID', status?.imageID ?? ''],
    ['Port', ports.join(', ') || '<none>'],
    ['Host Port', hostPorts.join(', ') || '<none>'],
  ];
  if (container.command !== undefined) entries.push(['Command', container.command]);
  if (container.args !== undefined) entries.push(['Args', container.args]);
  entries.push(...stateEntries('State', status?.state), ...stateEntries('Last State', status?.lastState));
  entries.push(['Ready', status?.ready ? 'True' : 'False'], ['Restart Count', String(status?.restartCount ?? 0)]);
  for (const list of ['limits', 'requests'] as const) {
    const quantities = container.resources?.[list];
    if (quantities !== undefined && Object.keys(quantities).length > 0)
      entries.push([list === 'limits' ? 'Limits' : 'Requests', mapLines(quantities, ': ')]);
  }
  entries.push(...environmentEntries(container));
  entries.push([
    'Mounts',
    (container.volumeMounts ?? []).map(({ mountPath, name, readOnly }) => `${mountPath} from ${name} (${readOnly === true ? 'ro' : 'rw'})`),
  ]);
  return [container.name, { entries }];
}

/** Of a pod's container, or of a template's. */
export function environmentEntries({ envFrom = [], env = [] }: Container): Entry[] {
  const sources = envFrom.map(({ configMapRef, secretRef, prefix }) => {
    const from = configMapRef === undefined ? `${secretRef?.name ?? ''}  Secret` : `${configMapRef.name ?? ''}  ConfigMap`;
    return prefix === undefined ? from : `${from} with prefix '${prefix}'`;
  });
  return [
    ...(sources.length === 0 ? [] : ([['Environment Variables from', sources]] as Entry[])),
    ['Environment', env.map(({ name, value, valueFrom }) => `${name}: ${value ?? sourceText(valueFrom)}`)],
  ];
}

/** As kubectl tells where a value comes from. */
function sourceText(source: EnvVarSource | undefined): string {
  if (source?.fieldRef !== undefined) return `(${source.fieldRef.fieldPath})`;
  if (source?.resourceFieldRef !== undefined) return `(${source.resourceFieldRef.resource})`;
  if (source?.configMapKeyRef !== undefined)
    return `<set to the key '${source.configMapKeyRef.key}' of config map '${source.configMapKeyRef.name ?? ''}'>`;
  if (source?.secretKeyRef !== undefined)
    return `<set to the key '${source.secretKeyRef.key}' in secret '${source.secretKeyRef.name ?? ''}'>`;
  return '';
}

/** Its name, its kind, and what it is made of. */
function volumeText(volume: Volume): string {
  const { name, ...sources } = volume;
  const [[type, source] = ['emptyDir', {}]] = Object.entries(sources) as [string, object][];
  const details = Object.entries(source).filter(([, value]) => typeof value !== 'object');
  return [name, type, ...details.map(([key, value]) => `${key}=${String(value)}`)].join('  ');
}

function stateEntries(label: string, state: ContainerState | undefined): Entry[] {
  if (state?.running !== undefined)
    return [
      [label, 'Running'],
      ['  Started', state.running.startedAt ?? ''],
    ];
  if (state?.waiting !== undefined) {
    const message = state.waiting.message === undefined ? [] : ([['  Message', state.waiting.message]] as Entry[]);
    return [[label, 'Waiting'], ['  Reason', state.waiting.reason ?? ''], ...message];
  }
  if (state?.terminated !== undefined) {
    const ended = state.terminated;
    const message = ended.message === undefined ? [] : ([['  Message', ended.message]] as Entry[]);
    return [
      [label, 'Terminated'],
      ['  Reason', ended.reason ?? ''],
      ...message,
      ['  Exit Code', String(ended.exitCode)],
      ['  Started', ended.startedAt ?? ''],
      ['  Finished', ended.finishedAt ?? ''],
    ];
  }
  return label === 'State' ? [[label, 'Waiting']] : [];
}

export function conditionLines(conditions: readonly Condition[]): string[] {
  return conditions.map((condition) =>
    [condition.type, condition.status, condition.reason, condition.message].filter((part) => part !== undefined && part !== '').join('  '),
  );
}
