import type { KindDefinition } from '../protocol/kinds/kind.ts';
import type { KubeObject } from '../protocol/objects.ts';
import { CliError } from './errors.ts';

interface Counts {
  observedGeneration?: number;
  replicas?: number;
  updatedReplicas?: number;
  availableReplicas?: number;
  readyReplicas?: number;
  desiredNumberScheduled?: number;
  updatedNumberScheduled?: number;
  numberAvailable?: number;
  conditions?: { type: string; reason?: string }[];
}

/**
 * How far a rollout is, in kubectl's words (its `rollout_status.go` is the source of the rules).
 * @throws CliError when a deployment's deadline has passed
 */
export function rolloutState(kind: KindDefinition, object: KubeObject): { done: boolean; text: string } {
  const { name, generation = 0 } = object.metadata;
  const status = (object.status ?? {}) as Counts;
  if ((status.observedGeneration ?? 0) < generation)
    return { done: false, text: `Waiting for ${kind.singular} spec update to be observed...` };
  if (kind.plural === 'daemonsets') return daemonSetState(name, status);
  const wanted = (object.spec as { replicas?: number }).replicas ?? 1;
  return kind.plural === 'deployments' ? deploymentState(name, wanted, status) : statefulSetState(wanted, status);
}

function deploymentState(name: string, wanted: number, status: Counts): { done: boolean; text: string } {
  const { replicas = 0, updatedReplicas: updated = 0, availableReplicas: available = 0 } = status;
  const late = status.conditions?.find(({ type, reason }) => type === 'Progressing' && reason === 'ProgressDeadlineExceeded');
  if (late !== undefined) throw new CliError(`deployment "${name}" exceeded its progress deadline`);
  const waiting = (what: string): { done: boolean; text: string } => ({
    done: false,
    text: `Waiting for deployment "${name}" rollout to finish: ${what}...`,
  });
  if (updated < wanted) return waiting(`${updated} out of ${wanted} new replicas have been updated`);
  if (replicas > updated) return waiting(`${replicas - updated} old replicas are pending termination`);
  if (available < updated) return waiting(`${available} of ${updated} updated replicas are available`);
  return { done: true, text: `deployment "${name}" successfully rolled out` };
}

function daemonSetState(name: string, status: Counts): { done: boolean; text: string } {
  const { desiredNumberScheduled: wanted = 0, updatedNumberScheduled: updated = 0, numberAvailable: available = 0 } = status;
  const waiting = (what: string): { done: boolean; text: string } => ({
    done: false,
    text: `Waiting for daemon set "${name}" rollout to finish: ${what}...`,
  });
  if (updated < wanted) return waiting(`${updated} out of ${wanted} new pods have been updated`);
  if (available < wanted) return waiting(`${available} of ${wanted} updated pods are available`);
  return { done: true, text: `daemon set "${name}" successfully rolled out` };
}

function statefulSetState(wanted: number, status: Counts): { done: boolean; text: string } {
  const { readyReplicas: ready = 0, updatedReplicas: updated = 0 } = status;
  if (ready < wanted) return { done: false, text: `Waiting for ${wanted - ready} pods to be ready...` };
  if (updated < wanted) return { done: false, text: `waiting for statefulset rolling update to complete ${updated} pods at revision...` };
  return { done: true, text: `statefulset rolling update complete ${wanted} pods` };
}
