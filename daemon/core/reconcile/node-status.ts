import type { Condition } from '../../../protocol/conditions.ts';
import { jsonEqual } from '../../../protocol/json.ts';
import type { NodeStatus } from '../../../protocol/types.ts';
import { formatTime } from '../../../protocol/values/time.ts';
import type { Now } from '../decisions.ts';
import { keepTime } from './pod-status.ts';

/** What a host says of itself; read once at start. */
export interface NodeFacts {
  capacity: Readonly<Record<string, string>>;
  allocatable: Readonly<Record<string, string>>;
  addresses: readonly { type: 'InternalIP' | 'ExternalIP' | 'Hostname'; address: string }[];
  architecture: string;
  operatingSystem: string;
  kernelVersion: string;
  osImage: string;
  bootID: string;
  machineID: string;
  systemUUID: string;
  /** Whether pods here reach those of other hosts, for runtimes whose pods have addresses of their own. */
  network?: { available: boolean; message: string };
  /** `v1.35.0-kith.0.1.0` */
  kubeletVersion: string;
}

/** What the agent knows of the container engine. */
export type EngineState =
  | { is: 'unknown' }
  | { is: 'up'; version: string }
  /** `message`: the engine's own error. */
  | { is: 'away'; message: string; version?: string };

/** A node's status as kubelet makes it. An engine that is away makes the node NotReady, in the engine's own words; its pods stay as they are. */
export function nodeStatus(facts: NodeFacts, engine: EngineState, previous: NodeStatus | undefined, now: Now): NodeStatus {
  const before = (previous?.conditions ?? []) as Condition[];
  const version = engine.is === 'unknown' ? '' : (engine.version ?? '');
  const status: NodeStatus = {
    capacity: { ...facts.capacity },
    allocatable: { ...facts.allocatable },
    conditions: [...networkCondition(facts), ...conditionsOf(engine)].map((condition) => nodeCondition(condition, before, now)),
    addresses: [...facts.addresses],
    nodeInfo: {
      machineID: facts.machineID,
      systemUUID: facts.systemUUID,
      bootID: facts.bootID,
      kernelVersion: facts.kernelVersion,
      osImage: facts.osImage,
      containerRuntimeVersion: version,
      kubeletVersion: facts.kubeletVersion,
      kubeProxyVersion: facts.kubeletVersion,
      operatingSystem: facts.operatingSystem,
      architecture: facts.architecture,
    },
  };
  return previous !== undefined && jsonEqual(previous, status) ? previous : status;
}

function nodeCondition(condition: Condition, before: readonly Condition[], now: Now): Condition {
  const { lastProbeTime: _none, ...kept } = keepTime(condition, before, now);
  // That a node lives is told by beats, not by its status: the time of the last heartbeat moves with the status alone.
  const old = before.find((candidate) => candidate.type === condition.type);
  const same = old !== undefined && old.status === condition.status && old.reason === condition.reason && old.message === condition.message;
  return { ...kept, lastHeartbeatTime: same ? old.lastHeartbeatTime : formatTime(now.wall) };
}

function networkCondition({ network }: NodeFacts): Condition[] {
  if (network === undefined) return [];
  const { available, message } = network;
  const said = available ? { status: 'False', reason: 'PodNetworkReady' } : { status: 'True', reason: 'NoPodNetwork' };
  return [{ type: 'NetworkUnavailable', ...said, message } as Condition];
}

function conditionsOf(engine: EngineState): Condition[] {
  return [
    { type: 'MemoryPressure', status: 'False', reason: 'KubeletHasSufficientMemory', message: 'kubelet has sufficient memory available' },
    { type: 'DiskPressure', status: 'False', reason: 'KubeletHasNoDiskPressure', message: 'kubelet has no disk pressure' },
    { type: 'PIDPressure', status: 'False', reason: 'KubeletHasSufficientPID', message: 'kubelet has sufficient PID available' },
    readyCondition(engine),
  ];
}

function readyCondition(engine: EngineState): Condition {
  if (engine.is === 'up') return { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' };
  const why = engine.is === 'away' ? engine.message : 'it was not asked yet';
  return { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: `container runtime is down: ${why}` };
}
