/**
 * What is read of what nodes report, by decisions and by the API, has these shapes. Other members are shown as they come; any may be missing, or null, as upstream writes some.
 */
type Shape = 'text' | 'number' | 'flag' | { readonly list: Shape } | { readonly each: Shape } | Members;
/** Of a map, by name. */
interface Members {
  readonly members: Readonly<Record<string, Shape>>;
  /** What must be there. */
  readonly needs?: readonly string[];
}

function texts(...names: string[]): Members {
  return { members: Object.fromEntries(names.map((name): [string, Shape] => [name, 'text'])) };
}

const TEXTS: Shape = { each: 'text' };
const CONDITIONS: Shape = {
  list: {
    members: { type: 'text', status: 'text', reason: 'text', message: 'text', lastTransitionTime: 'text' },
    needs: ['type', 'status'],
  },
};
const CONTAINER_STATE: Shape = {
  members: {
    waiting: { members: { reason: 'text', message: 'text' } },
    running: { members: { startedAt: 'text' } },
    terminated: {
      members: { exitCode: 'number', signal: 'number', reason: 'text', message: 'text', startedAt: 'text', finishedAt: 'text' },
    },
  },
};
const CONTAINER_STATUSES: Shape = {
  list: {
    members: {
      name: 'text',
      image: 'text',
      imageID: 'text',
      containerID: 'text',
      ready: 'flag',
      started: 'flag',
      restartCount: 'number',
      state: CONTAINER_STATE,
      lastState: CONTAINER_STATE,
    },
    needs: ['name'],
  },
};
const ADDRESSES: Shape = { list: { members: { ip: 'text' } } };

export const POD_STATUS: Members = {
  members: {
    phase: 'text',
    reason: 'text',
    message: 'text',
    startTime: 'text',
    podIP: 'text',
    podIPs: ADDRESSES,
    hostIP: 'text',
    hostIPs: ADDRESSES,
    qosClass: 'text',
    conditions: CONDITIONS,
    initContainerStatuses: CONTAINER_STATUSES,
    containerStatuses: CONTAINER_STATUSES,
    ephemeralContainerStatuses: CONTAINER_STATUSES,
  },
};

export const NODE_STATUS: Members = {
  members: {
    capacity: TEXTS,
    allocatable: TEXTS,
    conditions: CONDITIONS,
    addresses: { list: { members: { type: 'text', address: 'text' } } },
    nodeInfo: texts('kubeletVersion', 'osImage', 'kernelVersion', 'containerRuntimeVersion', 'architecture', 'operatingSystem'),
    images: { list: { members: { names: { list: 'text' }, sizeBytes: 'number' } } },
  },
};

export const EVENT: Members = {
  members: {
    metadata: {
      members: { name: 'text', namespace: 'text', uid: 'text', creationTimestamp: 'text', labels: TEXTS, annotations: TEXTS },
      needs: ['name'],
    },
    involvedObject: texts('apiVersion', 'kind', 'namespace', 'name', 'uid', 'fieldPath', 'resourceVersion'),
    reason: 'text',
    message: 'text',
    type: 'text',
    action: 'text',
    count: 'number',
    firstTimestamp: 'text',
    lastTimestamp: 'text',
    eventTime: 'text',
    source: texts('component', 'host'),
    series: { members: { count: 'number', lastObservedTime: 'text' } },
    reportingComponent: 'text',
    reportingInstance: 'text',
  },
  needs: ['metadata'],
};

export function fits(value: unknown, shape: Shape): boolean {
  if (shape === 'text') return typeof value === 'string';
  if (shape === 'number') return typeof value === 'number' && Number.isFinite(value);
  if (shape === 'flag') return typeof value === 'boolean';
  if ('list' in shape) return Array.isArray(value) && value.every((item) => fits(item, shape.list));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const map = value as Readonly<Record<string, unknown>>;
  if ('each' in shape) return Object.values(map).every((member) => isAbsent(member) || fits(member, shape.each));
  const isThere = (name: string): boolean => Object.hasOwn(map, name) && !isAbsent(map[name]);
  if (shape.needs?.every(isThere) === false) return false;
  return Object.entries(shape.members).every(([name, member]) => !isThere(name) || fits(map[name], member));
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
