import { EngineClient } from '../../daemon/adapters/docker/client.ts';

/** Beyond it an engine on a machine of few cores only queues. */
export const RAW_WIDTH = 4;
const CALL_TIMEOUT_MS = 120_000;

/** In the engine's own bridge, in a network made for it, or each beside a container whose network it joins. */
export type RawWay = 'bridge' | 'network' | 'pair';

export interface RawRun {
  pods: number;
  image: string;
  command: readonly string[];
  way: RawWay;
  width: number;
  /** All run; they are removed next. */
  onRunning?: () => void;
}

/** The same containers started straight through the engine's API, `width` at a time: what no cluster on top of it can beat. @returns seconds */
export async function startRaw(url: string, run: RawRun): Promise<number> {
  const engine = new EngineClient(url);
  await engine.version();
  const ids: string[] = [];
  const start = async (network: string): Promise<string> => {
    const body = { Image: run.image, Entrypoint: run.command, HostConfig: { NetworkMode: network } };
    const { Id } = await engine.call<{ Id: string }>({ method: 'POST', path: '/containers/create', body, timeoutMs: CALL_TIMEOUT_MS });
    ids.push(Id);
    await engine.call({ method: 'POST', path: `/containers/${Id}/start`, timeoutMs: CALL_TIMEOUT_MS });
    return Id;
  };
  const network = run.way === 'network' ? 'raw' : 'bridge';
  const create = { method: 'POST', path: '/networks/create', body: { Name: network }, timeoutMs: CALL_TIMEOUT_MS } as const;
  if (run.way === 'network') await engine.call(create);
  let left = run.pods;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const first = await start(network);
      if (run.way === 'pair') await start(`container:${first}`);
    }
  };
  const began = performance.now();
  try {
    await Promise.all(Array.from({ length: run.width }, worker));
    const seconds = (performance.now() - began) / 1000;
    run.onRunning?.();
    return seconds;
  } finally {
    await removeRaw(engine, ids);
    if (run.way === 'network') await engine.call({ method: 'DELETE', path: `/networks/${network}`, timeoutMs: CALL_TIMEOUT_MS });
  }
}

async function removeRaw(engine: EngineClient, ids: string[]): Promise<void> {
  const worker = async (): Promise<void> => {
    for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
      await engine.call({ method: 'DELETE', path: `/containers/${id}`, query: { force: true, v: true }, timeoutMs: CALL_TIMEOUT_MS });
    }
  };
  await Promise.all(Array.from({ length: RAW_WIDTH }, worker));
}
