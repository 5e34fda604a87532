import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Pod } from '../../protocol/types.ts';
import { apiPath, contextOf, type CliContext, type Terminal } from '../context.ts';
import { ApiError, CliError } from '../errors.ts';
import { nodeNames, requireKind } from '../targets.ts';
import { seconds, timeLimit, wholeSeconds } from '../time-limit.ts';
import { cordon } from './change.ts';

interface DrainOptions {
  ignoreDaemonsets?: boolean;
  deleteEmptydirData?: boolean;
  force?: boolean;
  gracePeriod?: string;
  timeout: string;
}

/** A disruption budget that allows none just now is asked again so often; as kubectl does. */
const RETRY_MS = 5_000;
const LOOK_MS = 500;
const DEFAULT_SECONDS = 300;

export function addDrain(program: Command, terminal: Terminal): void {
  program
    .command('drain')
    .description('Let no new pods onto a node, and move those there away, within their disruption budgets')
    .argument('<node...>', 'names of nodes')
    .option('--ignore-daemonsets', 'leave the pods of DaemonSets: they are on every node')
    .option('--delete-emptydir-data', 'also pods with an emptyDir, whose data goes with them')
    .option('--force', 'also pods that no controller makes anew')
    .option('--grace-period <seconds>', "time that a pod gets to stop, instead of the pod's own")
    .option('--timeout <duration>', 'how long to try', `${DEFAULT_SECONDS}s`)
    .addHelpText(
      'after',
      '\nExamples:\n  kith drain host-1 --ignore-daemonsets\n  kith uncordon host-1                  when it is to have pods again',
    )
    .action(async (nodes: string[], options: DrainOptions, command: Command) => drain(contextOf(command, terminal), nodes, options));
}

async function drain(context: CliContext, words: readonly string[], options: DrainOptions): Promise<void> {
  const nodes = nodeNames(words);
  const grace = wholeSeconds('--grace-period', options.gracePeriod);
  const limit = seconds('--timeout', options.timeout);
  const signal = AbortSignal.any([context.terminal.signal, timeLimit(limit * 1000)]);
  await cordon(context, 'cordon', nodes);
  for (const node of nodes) {
    const pods = await podsToMove(context, node, options);
    await Promise.all(pods.map((pod) => move(context, pod, grace, signal))).catch((error: unknown) => {
      if (!signal.aborted || context.terminal.signal.aborted) throw error;
      throw new CliError(`node/${node} is cordoned, but not drained after ${limit} s: "kith get pods -A -o wide" shows what is left there`);
    });
    context.terminal.out(`node/${node} drained\n`);
  }
}

/** @throws CliError with all that stands in the way, before anything is moved */
async function podsToMove(context: CliContext, node: string, options: DrainOptions): Promise<Pod[]> {
  const query = { fieldSelector: `spec.nodeName=${node}` };
  const { items } = await context.client.get<{ items: Pod[] }>(apiPath(requireKind('pods'), undefined), query);
  const { moved, refused } = sortPods(items, options);
  if (refused.length > 0) throw new CliError(`node/${node} is cordoned, but not drained:\n  ${refused.join('\n  ')}`);
  return moved;
}

/** Which of a node's pods go, and what of them nobody allowed, in words. Who has ended goes in any case. As kubectl judges. */
export function sortPods(
  pods: readonly Pod[],
  options: Pick<DrainOptions, 'ignoreDaemonsets' | 'deleteEmptydirData' | 'force'>,
): { moved: Pod[]; refused: string[] } {
  const refused: string[] = [];
  const moved = pods.filter(({ metadata, spec, status }) => {
    if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true;
    const name = `${metadata.namespace ?? ''}/${metadata.name}`;
    const controller = metadata.ownerReferences?.find((owner) => owner.controller === true);
    if (controller?.kind === 'DaemonSet') {
      if (!options.ignoreDaemonsets) refused.push(`${name} belongs to a DaemonSet (--ignore-daemonsets leaves it)`);
      return false;
    }
    if (controller === undefined && !options.force) refused.push(`${name} has no controller that makes it anew (--force)`);
    if (!options.deleteEmptydirData && spec.volumes?.some(({ emptyDir }) => emptyDir !== undefined))
      refused.push(`${name} would lose the data of an emptyDir (--delete-emptydir-data)`);
    return true;
  });
  return { moved, refused };
}

/** Until the pod is gone. @throws CliError, or the signal's reason */
async function move(context: CliContext, pod: Pod, gracePeriodSeconds: number | undefined, signal: AbortSignal): Promise<void> {
  const { name, namespace, uid } = pod.metadata;
  const kind = requireKind('pods');
  const deleteOptions = { preconditions: { uid }, gracePeriodSeconds };
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace }, deleteOptions };
  for (let told = false; ; told = true) {
    try {
      await context.client.call({ method: 'POST', path: apiPath(kind, namespace, name, 'eviction'), body, signal });
      break;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // It is gone already, or another one of its name is there.
      if (error.status === 404 || error.status === 409) return;
      if (error.status !== 429) throw error;
      if (!told) context.terminal.err(`${error.message} (asks again every ${RETRY_MS / 1000} s)\n`);
      await pause(RETRY_MS, undefined, { signal });
    }
  }
  context.terminal.out(`pod/${name} evicted\n`);
  const query = { fieldSelector: `metadata.name=${name}` };
  for (;;) {
    const { items } = await context.client.get<{ items: Pod[] }>(apiPath(kind, namespace), query);
    if (!items.some(({ metadata }) => metadata.uid === uid)) return;
    await pause(LOOK_MS, undefined, { signal });
  }
}
