/** Which containers run on the hosts of a lab, as their engines tell. Engines are told to tell, and asked seldom: each question takes of the CPUs that are measured. */
import { EngineClient, jsonLines } from '../../daemon/adapters/docker/client.ts';
import { LABEL, SANDBOX } from '../../daemon/adapters/docker/names.ts';
import type { LabHost } from '../lab/types.ts';
import { waitFor } from '../support/wait.ts';

const CALL_TIMEOUT_MS = 30_000;
const SETTLE_TIMEOUT_MS = 180_000;
/** Events that were missed (an engine that started meanwhile) are made up for by asking, this often. */
const ASK_EVERY_MS = 3_000;
/** Looking at what was told costs but little. The times are those of the engines, so that this adds nothing to them. */
const LOOK_EVERY_MS = 50;

export interface RunningContainer {
  id: string;
  host: number;
  /** By the engine, in ms since 1970 with fractions: all hosts of a lab have one clock. */
  startedAtMs: number;
}

interface Listed {
  Id: string;
  Labels: Record<string, string>;
}

interface Told {
  Action?: string;
  Actor?: { ID?: string; Attributes?: Record<string, string> };
}

/** One a socket: a new one would ask for the version first, for which an engine runs two programs. */
const clients = new Map<string, EngineClient>();

function clientOf(host: LabHost): EngineClient {
  const client = clients.get(host.engineSocket) ?? new EngineClient(`unix://${host.engineSocket}`);
  clients.set(host.engineSocket, client);
  return client;
}

/** Containers that bear the label and run on these hosts, without sandboxes. */
export async function runningOn(hosts: readonly LabHost[], label: string): Promise<RunningContainer[]> {
  const found = await Promise.all(
    hosts.map(async (host) =>
      Promise.all((await list(host, label)).map(async (id) => ({ id, host: host.number, startedAtMs: await startOf(host, id) }))),
    ),
  );
  return found.flat();
}

async function list(host: LabHost, label: string): Promise<string[]> {
  const query = { filters: JSON.stringify({ label: [label], status: ['running'] }) };
  const call = { method: 'GET', path: '/containers/json', query, timeoutMs: CALL_TIMEOUT_MS } as const;
  const listed = await clientOf(host).call<Listed[]>(call);
  return listed.filter(({ Labels }) => Labels[LABEL.container] !== SANDBOX).map(({ Id }) => Id);
}

async function startOf(host: LabHost, id: string): Promise<number> {
  const call = { method: 'GET', path: `/containers/${id}/json`, timeoutMs: CALL_TIMEOUT_MS } as const;
  const { State } = await clientOf(host).call<{ State: { StartedAt: string } }>(call);
  const fraction = /\.(\d+)/.exec(State.StartedAt)?.[1] ?? '0';
  return Math.floor(Date.parse(State.StartedAt) / 1000) * 1000 + Number(`0.${fraction}`) * 1000;
}

/** Until exactly so many containers that bear the label run on these hosts. Resolves with them. */
export async function waitRunning(hosts: readonly LabHost[], label: string, count: number): Promise<RunningContainer[]> {
  const stop = new AbortController();
  const running = new Set<string>();
  let askAt = 0;
  try {
    await Promise.all(hosts.map(async (host) => follow(host, label, running, stop.signal)));
    return await waitFor(
      `${count} containers run on ${hosts.length} hosts`,
      async () => {
        if (running.size !== count && performance.now() < askAt) return undefined;
        askAt = performance.now() + ASK_EVERY_MS;
        const found = await runningOn(hosts, label);
        if (found.length === count) return found;
        running.clear();
        for (const { id } of found) running.add(id);
        return undefined;
      },
      { timeoutMs: SETTLE_TIMEOUT_MS, everyMs: LOOK_EVERY_MS },
    );
  } finally {
    stop.abort();
  }
}

/** Resolves once the engine tells us; from then on `running` is kept as its events say. */
async function follow(host: LabHost, label: string, running: Set<string>, signal: AbortSignal): Promise<void> {
  const query = { filters: JSON.stringify({ type: ['container'], event: ['start', 'die'], label: [label] }) };
  const stream = await clientOf(host).stream({ method: 'GET', path: '/events', query, timeoutMs: CALL_TIMEOUT_MS, signal });
  const read = async (): Promise<void> => {
    for await (const line of jsonLines(stream)) {
      const { Action, Actor: { ID: id = '', Attributes: labels = {} } = {} } = line as Told;
      if (labels[LABEL.container] === SANDBOX) continue;
      if (Action === 'start') running.add(id);
      else running.delete(id);
    }
  };
  // Its end is our own doing, or the engine's, which asking makes up for.
  void read().catch(() => undefined);
}
