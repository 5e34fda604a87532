import { EngineClient } from '../../daemon/adapters/docker/client.ts';

/** Beyond it an engine on a machine of few cores only queues. */
export const RAW_WIDTH = 4;
const CALL_TIMEOUT_MS = 120_000;

export interface RawRun {
  pods: number;
  image: string;
  command: readonly string[];
  /** A network to put them in; the engine's own bridge if none is named. */
  network?: string;
  width?: number;
}

/** The same containers started straight through the engine's API, `width` at a time: what no cluster on top of it can beat. @returns seconds */
export async function startRaw(url: string, run: RawRun): Promise<number> {
  const engine = new EngineClient(url);
  await engine.version();
  const ids: string[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (; next < run.pods;) {
      next += 1;
      const body = { Image: run.image, Entrypoint: run.command, HostConfig: { NetworkMode: run.network ?? 'bridge' } };
      const { Id } = await engine.call<{ Id: string }>({ method: 'POST', path: '/containers/create', body, timeoutMs: CALL_TIMEOUT_MS });
      ids.push(Id);
      await engine.call({ method: 'POST', path: `/containers/${Id}/start`, timeoutMs: CALL_TIMEOUT_MS });
    }
  };
  const began = performance.now();
  try {
    await Promise.all(Array.from({ length: run.width ?? RAW_WIDTH }, worker));
    return (performance.now() - began) / 1000;
  } finally {
    await removeRaw(engine, ids);
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
