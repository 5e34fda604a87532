import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream, existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Pod } from '../protocol/types.ts';
import { apiPath, type CliContext } from './context.ts';
import { CliError } from './errors.ts';
import { COMMAND_PROTOCOLS, runRemote } from './remote-command.ts';
import { openChannels, writeTo } from './streaming.ts';
import { requireKind } from './targets.ts';

export interface PodPlace {
  pod: Pod;
  container: string;
  path: string;
}

/** What a command in the pod may say of its failure before the rest is left out. */
const MAX_SAID_BYTES = 4_096;

/** Files go as they are (`cat`), folders as an archive: a container needs tar for these only. @throws CliError that says which side failed, and why */
export async function copyToPod(context: CliContext, source: string, place: PodPlace): Promise<void> {
  const found = existsSync(source) ? statSync(source) : undefined;
  if (found === undefined) throw new CliError(`"${source}" is not there`);
  const isFolder = await succeeds(context, place, ['test', '-d', place.path]);
  const target = isFolder ? path.posix.join(place.path, path.basename(path.resolve(source))) : place.path;
  if (!found.isDirectory()) {
    const mode = (found.mode & 0o777).toString(8);
    return inPod(context, place, ['sh', '-c', 'cat > "$1" && chmod "$2" "$1"', 'sh', target, mode], { input: createReadStream(source) });
  }
  const tar = spawn('tar', ['cf', '-', '-C', source, '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const packed = tarEnds(tar);
  await inPod(context, place, ['sh', '-c', 'mkdir -p "$1" && tar xmf - -C "$1"', 'sh', target], { input: tar.stdout });
  await packed;
}

export async function copyFromPod(context: CliContext, place: PodPlace, target: string): Promise<void> {
  const isFolder = await succeeds(context, place, ['test', '-d', place.path]);
  const into = existsSync(target) && statSync(target).isDirectory() ? path.join(target, path.posix.basename(place.path)) : target;
  if (!isFolder) {
    if (!(await succeeds(context, place, ['test', '-e', place.path])))
      throw new CliError(`${place.pod.metadata.name}:${place.path} is not there`);
    const file = createWriteStream(into);
    await once(file, 'open');
    const written = finished(file);
    // It is told at the end, or with the next bytes.
    written.catch(() => undefined);
    await inPod(context, place, ['cat', place.path], { output: file });
    file.end();
    return written;
  }
  mkdirSync(into, { recursive: true });
  // Whoever runs in the container writes the archive: tar lets nothing out of the folder.
  const tar = spawn('tar', ['xf', '-', '--no-same-owner', '-C', into], { stdio: ['pipe', 'inherit', 'inherit'] });
  const unpacked = tarEnds(tar);
  // The failure is told by its exit code.
  tar.stdin.on('error', () => undefined);
  await inPod(context, place, ['tar', 'cf', '-', '-C', place.path, '.'], { output: tar.stdin });
  tar.stdin.end();
  await unpacked;
}

async function tarEnds(tar: ReturnType<typeof spawn>): Promise<void> {
  const [code] = (await once(tar, 'close').catch((error: unknown) => {
    throw new CliError(`tar can't be run here: ${(error as Error).message}`);
  })) as [number | null];
  if (code !== 0) throw new CliError(`tar here ended with ${code ?? 'a signal'}`);
}

interface Ends {
  input?: AsyncIterable<Uint8Array>;
  output?: Writable;
}

async function succeeds(context: CliContext, place: PodPlace, command: readonly string[]): Promise<boolean> {
  return (await run(context, place, command, {})).code === 0;
}

async function inPod(context: CliContext, place: PodPlace, command: readonly string[], ends: Ends): Promise<void> {
  const { code, said } = await run(context, place, command, ends);
  if (code !== 0) throw new CliError(`${command[0] ?? ''} in pod ${place.pod.metadata.name} ended with ${code}: ${said.trim()}`);
}

async function run(
  { client, terminal }: CliContext,
  { pod, container }: PodPlace,
  command: readonly string[],
  { input, output }: Ends,
): Promise<{ code: number; said: string }> {
  const query = new URLSearchParams(command.map((word) => ['command', word]));
  query.set('container', container);
  for (const [stream, isOpen] of Object.entries({ stdin: input !== undefined, stdout: true, stderr: true, tty: false }))
    query.set(stream, String(isOpen));
  const at = apiPath(requireKind('pods'), pod.metadata.namespace, pod.metadata.name, 'exec');
  const channels = await openChannels(client, at, query, COMMAND_PROTOCOLS, terminal.signal);
  let said = '';
  const code = await runRemote(channels, {
    ...(input === undefined ? {} : { input }),
    stdout: async (bytes) => {
      if (output?.errored) throw new CliError(`what was copied can not be written here: ${output.errored.message}`);
      if (output !== undefined) await writeTo(output, bytes);
    },
    stderr: async (bytes) => {
      if (said.length < MAX_SAID_BYTES) said += Buffer.from(bytes).toString('utf8');
    },
  });
  return { code, said };
}
