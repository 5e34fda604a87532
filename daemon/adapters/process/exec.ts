import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KithError } from '../../../protocol/errors.ts';
import type { ExecRequest } from '../../ports/runtime.ts';
import type { Mount } from '../../ports/volumes.ts';
import type { ProcessStreams } from '../../ports/streams.ts';
import { Attempt } from './attempt.ts';
import { ChildStreams } from './child-streams.ts';
import { archiveArguments, mountedAt } from './mounts.ts';
import { findMarked, signalProcess } from './processes.ts';
import { findProgram } from './program.ts';
import { Terminal } from './terminal.ts';

/** What a command run in a container shares with the container's program. */
export interface ProgramContext {
  env: Record<string, string>;
  workingDir: string;
  /** Undefined of containers that an older release started. */
  mounts?: readonly Mount[];
}

/** By it all processes of one exec are known, beside the mark of their container, which ends them with it. */
const EXEC_MARKER = 'KITH_EXEC';
/** From the request to end to the kill. */
const END_GRACE_MS = 2_000;

export async function readContext(attemptFolder: string): Promise<ProgramContext> {
  try {
    const kept = JSON.parse(await readFile(join(attemptFolder, 'program.json'), 'utf8')) as Omit<ProgramContext, 'env'>;
    const env = await new Attempt(attemptFolder).environment();
    if (env === undefined) throw new Error('its shim is gone');
    return { ...kept, env };
  } catch (error) {
    const message = 'its environment is not known: its shim is gone, or it was started by an older release of kithd: start its pod anew';
    throw new KithError('InvalidContainer', message, {}, { cause: error });
  }
}

/** Runs a command beside a container's program: same environment, same folder, in a session of its own. The signal ends it and what it started. */
export async function execBeside(attemptFolder: string, request: ExecRequest, signal: AbortSignal): Promise<ProcessStreams> {
  const { env, workingDir, mounts = [] } = await readContext(attemptFolder);
  const id = randomUUID();
  const [name = '', ...words] = request.command.map(mountedAt(mounts));
  const program = await findProgram(name, env['PATH'] ?? '', workingDir, `run a command in container "${request.container}"`);
  const folder = join(attemptFolder, 'exec', id);
  const argumentsOfTar = await archiveArguments(request.command, mounts, folder);
  const terminal = request.tty ? await Terminal.prepare(folder) : undefined;
  const command = [program, ...(argumentsOfTar ?? words)];
  const argv = terminal?.command(command) ?? command;
  await mkdir(folder, { recursive: true });
  const child = spawn(argv[0]!, argv.slice(1), {
    cwd: workingDir,
    env: { ...env, [EXEC_MARKER]: id, ...terminal?.env },
    detached: true,
    stdio: [request.stdin || request.tty ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  const streams = new ChildStreams(child, terminal);
  await streams.spawned();
  const end = (): void => void endAll(child, id);
  signal.addEventListener('abort', end, { once: true });
  child.once('exit', () => {
    signal.removeEventListener('abort', end);
    void rm(folder, { recursive: true, force: true });
  });
  if (signal.aborted) end();
  return streams;
}

/** What carries the mark, and the command's process group: a command may have begun with an environment of its own (`env -i`). */
async function endAll(child: ChildProcess, id: string): Promise<void> {
  const signalAll = async (signal: NodeJS.Signals): Promise<void> => {
    signalGroup(child, signal);
    for (const one of await findMarked(`${EXEC_MARKER}=${id}`)) await signalProcess(one, signal);
  };
  await signalAll('SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, END_GRACE_MS));
  await signalAll('SIGKILL');
}

/** Only while its leader has not been waited for: until then its number is nobody else's. */
function signalGroup({ pid, exitCode, signalCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended just now.
  }
}
