import type { KubeObject } from '../objects.ts';
import type { ContainerStatus, Pod } from '../types.ts';
import { humanDuration } from '../values/duration.ts';
import { parseTime } from '../values/time.ts';
import { ageColumn, column, nameColumn, orNone, wideColumn } from './columns.ts';
import type { TableColumn } from './kind.ts';

/** A pod in one line. Upstream's rules: printPod in pkg/printers/internalversion/printers.go. */
export interface PodSummary {
  /** `Running`, `CrashLoopBackOff`, `Terminating`, ... */
  status: string;
  ready: number;
  containers: number;
  restarts: number;
  /** When a container last ended before it was started again, ms since 1970. */
  lastRestart: number | undefined;
}

export function summarizePod(object: KubeObject): PodSummary {
  const pod = object as Partial<Pod> & KubeObject;
  const status = pod.status ?? {};
  const summary: PodSummary = {
    status: status.reason !== undefined && status.reason !== '' ? status.reason : (status.phase ?? 'Unknown'),
    ready: 0,
    containers: pod.spec?.containers?.length ?? 0,
    restarts: 0,
    lastRestart: undefined,
  };
  if (status.conditions?.some((condition) => condition.type === 'PodScheduled' && condition.reason === 'SchedulingGated') === true) {
    summary.status = 'SchedulingGated';
  }
  const initializing = countInit(pod, summary);
  if (initializing === undefined || isInitialized(pod)) countMain(status, summary);
  else summary.status = initializing;
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status.reason === 'NodeLost') summary.status = 'Unknown';
    else if (status.phase !== 'Succeeded' && status.phase !== 'Failed') summary.status = 'Terminating';
  }
  return summary;
}

/** Counts those that run before the others. @returns how far they are, or what is wrong with the first that is not done */
function countInit(pod: Partial<Pod>, summary: PodSummary): string | undefined {
  const specs = pod.spec?.initContainers ?? [];
  const sidecars = new Set(specs.filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name));
  summary.containers += sidecars.size;
  const of = { all: 0, sidecars: 0, lastAll: undefined as number | undefined, lastSidecar: undefined as number | undefined };
  const keep = (says: string | undefined): string | undefined => {
    summary.restarts = says === undefined || isInitialized(pod) ? of.sidecars : of.all;
    summary.lastRestart = says === undefined || isInitialized(pod) ? of.lastSidecar : of.lastAll;
    return says;
  };
  for (const [index, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const { name, state, restartCount } = container;
    const isSidecar = sidecars.has(name);
    const ended = parseTime(container.lastState?.terminated?.finishedAt ?? '');
    of.all += restartCount;
    if (ended !== undefined) of.lastAll = Math.max(of.lastAll ?? 0, ended);
    if (isSidecar) {
      of.sidecars += restartCount;
      if (ended !== undefined) of.lastSidecar = Math.max(of.lastSidecar ?? 0, ended);
    }
    if (state?.terminated?.exitCode === 0) continue;
    if (isSidecar && container.started === true) {
      if (container.ready) summary.ready += 1;
      continue;
    }
    const said = containerSays(container);
    return keep(said === undefined || said === 'PodInitializing' ? `Init:${index}/${specs.length}` : `Init:${said}`);
  }
  return keep(undefined);
}

function isInitialized({ status }: Partial<Pod>): boolean {
  return status?.conditions?.some((condition) => condition.type === 'Initialized' && condition.status === 'True') === true;
}

function countMain(status: NonNullable<Pod['status']>, summary: PodSummary): void {
  let running = false;
  // The first container that has something to say is heard last, and so wins.
  for (const container of [...(status.containerStatuses ?? [])].reverse()) {
    summary.restarts += container.restartCount;
    const ended = parseTime(container.lastState?.terminated?.finishedAt ?? '');
    if (ended !== undefined) summary.lastRestart = Math.max(summary.lastRestart ?? 0, ended);
    const said = containerSays(container);
    if (said !== undefined) summary.status = said;
    else if (container.ready && container.state?.running !== undefined) {
      running = true;
      summary.ready += 1;
    }
  }
  if (summary.status === 'Completed' && running) {
    const ready = status.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;
    summary.status = ready ? 'Running' : 'NotReady';
  }
}

/** Why a container waits or how it ended. */
function containerSays(container: ContainerStatus): string | undefined {
  const waiting = container.state?.waiting?.reason;
  if (waiting !== undefined && waiting !== '') return waiting;
  const ended = container.state?.terminated;
  if (ended === undefined) return undefined;
  if (ended.reason !== undefined && ended.reason !== '') return ended.reason;
  return ended.signal !== undefined && ended.signal !== 0 ? `Signal:${ended.signal}` : `ExitCode:${ended.exitCode}`;
}

function showRestarts(object: KubeObject, now: number): string {
  const { restarts, lastRestart } = summarizePod(object);
  return restarts === 0 || lastRestart === undefined ? String(restarts) : `${restarts} (${humanDuration(now - lastRestart)} ago)`;
}

function showReadinessGates(object: KubeObject): string {
  const { spec, status } = object as Partial<Pod>;
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return orNone('');
  const met = gates.filter(
    (gate) => status?.conditions?.some((condition) => condition.type === gate.conditionType && condition.status === 'True') === true,
  );
  return `${met.length}/${gates.length}`;
}

export const podColumns: readonly TableColumn[] = [
  nameColumn,
  column('Ready', 'Containers that are ready, of all.', (object) => {
    const { ready, containers } = summarizePod(object);
    return `${ready}/${containers}`;
  }),
  column('Status', 'Phase of the pod, or the reason that says more.', (object) => summarizePod(object).status),
  column('Restarts', 'How often its containers were started again, and when last.', showRestarts),
  ageColumn,
  wideColumn('IP', 'Address of the pod.', (object) => orNone((object as Partial<Pod>).status?.podIP)),
  wideColumn('Node', 'Node that it runs on.', (object) => orNone((object as Partial<Pod>).spec?.nodeName)),
  wideColumn('Nominated Node', 'Node that room is being made on.', (object) => orNone((object as Partial<Pod>).status?.nominatedNodeName)),
  wideColumn('Readiness Gates', 'Further conditions that are met, of all.', showReadinessGates),
];
