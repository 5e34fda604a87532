import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerRuntime, ContainerStart, ExecRequest, SandboxSpec } from '../../daemon/ports/runtime.ts';
import type { ProcessStreams } from '../../daemon/ports/streams.ts';
import { eventually } from './eventually.ts';
import { containerStart, obedient, podSpec } from './runtime-specs.ts';
import type { AcceptanceOptions } from './runtime.ts';
import type { RuntimeWorld } from './runtime-world.ts';

/** Pod numbers of this suite, apart from those of the other. */
const FIRST_POD = 5_000;
const never = new AbortController().signal;
/** Seconds that nobody else sleeps: some runtimes see each other's processes. */
const LONG_SLEEP = `9${process.pid}`;

export interface StreamsOptions extends AcceptanceOptions {
  /** A command that listens on the port 8080 of the pod, sends back what comes, and ends when its input does. Without one nothing is connected to. */
  echoServer?: { command: string[] };
}

/** What a program says until it ends, and how it ends. */
export async function collectOutput(process: ProcessStreams): Promise<{ out: string; err: string; code: number }> {
  const said = { stdout: '', stderr: '' };
  for await (const { stream, bytes } of process.output) said[stream] += Buffer.from(bytes).toString('latin1');
  return { out: said.stdout, err: said.stderr, code: await process.exitCode() };
}

/** Exec, attach and connections into pods. */
export function runtimeStreamsAcceptance(name: string, makeWorld: () => Promise<RuntimeWorld>, options: StreamsOptions = {}): void {
  const { unavailable, companions = [], echoServer } = options;
  const title = unavailable === undefined ? `${name}: streams` : `${name}: streams (${unavailable})`;
  describe.skipIf(unavailable !== undefined)(title, () => {
    let world: RuntimeWorld;
    let runtime: ContainerRuntime;
    let lastPod = FIRST_POD;
    const pods: string[] = [];
    let shared: SandboxSpec | undefined;

    const start = async (script: string, more: Partial<ContainerStart> = {}): Promise<SandboxSpec> => {
      const containers = ['main', ...companions].map((container) => ({ name: container, image: world.image }));
      const pod = { ...podSpec((lastPod += 1)), spec: { containers } };
      pods.push(pod.uid);
      await runtime.createSandbox(pod);
      await runtime.startContainer(containerStart(pod, world.image, script, more));
      return pod;
    };
    /** A pod that only has commands run in it, one test after the other. */
    const idle = async (): Promise<SandboxSpec> => {
      shared ??= await start(obedient(0), { env: { GREETING: 'it\'s "so"' }, workingDir: '/tmp' });
      return shared;
    };
    const exec = async (pod: SandboxSpec, script: string, more: Partial<ExecRequest> = {}, signal = never): Promise<ProcessStreams> =>
      runtime.exec({ podUid: pod.uid, container: 'main', command: ['sh', '-c', script], tty: false, stdin: false, ...more }, signal);
    /** Whether a process with this word in its command line runs in the pod. The search has the word in two halves, not to find itself. */
    const runs = async (pod: SandboxSpec, word: string): Promise<boolean> => {
      const pattern = `*${word.slice(0, 2)}""${word.slice(2)}*`;
      const search = `for each in /proc/[0-9]*/cmdline; do case "$(cat $each 2>/dev/null)" in ${pattern}) echo found;; esac; done`;
      return (await collectOutput(await exec(pod, search))).out !== '';
    };

    beforeAll(async () => {
      world = await makeWorld();
      runtime = await world.open();
    }, 60_000);
    afterEach(async () => {
      const own = pods.splice(0).filter((uid) => uid !== shared?.uid);
      await Promise.all(own.map(async (uid) => runtime.removePod(uid)));
    });
    afterAll(async () => {
      if (shared !== undefined) await runtime.removePod(shared.uid);
      await runtime?.stop();
      await world?.close();
    });

    it('runs a command with the environment and folder of the container, and tells streams and exit code', async () => {
      const pod = await idle();
      const process = await exec(pod, 'echo "$GREETING in $(pwd)"; echo oops >&2; exit 3');
      expect(await collectOutput(process)).toEqual({ out: 'it\'s "so" in /tmp\n', err: 'oops\n', code: 3 });
    });

    it('passes on standard input and its end', async () => {
      const pod = await idle();
      const process = await exec(pod, 'cat; echo over', { stdin: true });
      const collected = collectOutput(process);
      for (let line = 0; line < 1_000; line += 1) await process.write(Buffer.from(`line ${line}\n`));
      await process.endInput();
      const { out, code } = await collected;
      expect(out).toBe(`${Array.from({ length: 1_000 }, (_, line) => `line ${line}\n`).join('')}over\n`);
      expect(code).toBe(0);
    });

    it('lets a program wait for a slow reader, and a writer for a program that does not read', async () => {
      const pod = await idle();
      const talker = await exec(pod, 'head -c 33554432 /dev/zero; echo done >&2');
      let bytes = 0;
      let done = '';
      for await (const chunk of talker.output) {
        if (bytes === 0) await new Promise((resolve) => setTimeout(resolve, 200));
        if (chunk.stream === 'stdout') bytes += chunk.bytes.length;
        else done = `${done}${Buffer.from(chunk.bytes).toString()}`;
      }
      expect([bytes, done]).toEqual([33_554_432, 'done\n']);
      const abort = new AbortController();
      const deaf = await exec(pod, 'sleep 1000', { stdin: true }, abort.signal);
      let written = 0;
      const writing = (async () => {
        while (!abort.signal.aborted) {
          await deaf.write(Buffer.alloc(65_536));
          written += 65_536;
        }
      })();
      await eventually(async () => {
        const before = written;
        await new Promise((resolve) => setTimeout(resolve, 300));
        return written === before && before > 0 ? true : undefined;
      }, 'the writer waits');
      expect(written).toBeLessThan(8 * 1024 * 1024);
      abort.abort();
      await writing.catch(() => undefined);
    }, 30_000);

    it('ends a command when its signal fires, and the container runs on', async () => {
      const pod = await idle();
      const abort = new AbortController();
      const process = await exec(pod, `echo begun; exec sleep ${LONG_SLEEP}`, {}, abort.signal);
      for await (const { bytes } of process.output) if (Buffer.from(bytes).toString().includes('begun')) break;
      expect(await runs(pod, LONG_SLEEP)).toBe(true);
      abort.abort();
      await eventually(async () => ((await runs(pod, LONG_SLEEP)) ? undefined : true), 'the command is gone');
      expect((await runtime.list()).find(({ uid }) => uid === pod.uid)?.containers[0]?.state).toBe('running');
    }, 30_000);

    it('ends commands with their container', async () => {
      const pod = await start(obedient(0));
      const process = await exec(pod, `echo begun; exec sleep ${LONG_SLEEP}`);
      const collected = collectOutput(process);
      await runtime.stopContainer(pod.uid, 'main', 5);
      expect((await collected).code).not.toBe(0);
    }, 30_000);

    it('says that a command does not exist', async () => {
      const pod = await idle();
      const outcome = await exec(pod, '', { command: ['no-such-program'] })
        .then(collectOutput)
        .catch((error: unknown) => error);
      // An engine tells it in the output, as its own command line does.
      if (runtime.name === 'docker') expect(outcome).toMatchObject({ out: expect.stringContaining('not found') as string });
      else expect(outcome).toMatchObject({ code: 'ContainerStartFailed', message: expect.stringContaining('not found') as string });
    });

    it('refuses what does not run', async () => {
      const pod = await start('exit 0');
      await eventually(async () => {
        const listed = (await runtime.list()).find(({ uid }) => uid === pod.uid);
        return listed?.containers[0]?.state === 'exited' ? true : undefined;
      }, 'it has exited');
      await expect(exec(pod, 'true')).rejects.toMatchObject({ code: 'NotFound' });
      await expect(exec(pod, 'true', { container: 'nobody' })).rejects.toMatchObject({ code: 'NotFound' });
      await expect(runtime.attach({ podUid: pod.uid, container: 'main', stdin: false }, never)).rejects.toMatchObject({ code: 'NotFound' });
      await expect(runtime.connect({ podUid: podSpec(1).uid, port: 80 }, never)).rejects.toMatchObject({ code: 'NotFound' });
    });

    it('gives a terminal of the size that was asked for', async () => {
      const pod = await idle();
      const process = await exec(pod, 'test -t 0 && echo terminal; read line; stty size; exit 4', { tty: true, stdin: true });
      await process.resize({ columns: 91, rows: 33 });
      const collected = collectOutput(process);
      await process.write(Buffer.from('go\r'));
      const { out, err, code } = await collected;
      expect(out).toContain('terminal\r\n');
      expect(out).toContain('33 91\r\n');
      expect([err, code]).toEqual(['', 4]);
    });

    it('passes control characters through a terminal', async () => {
      const pod = await idle();
      const process = await exec(pod, "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.1; done", {
        tty: true,
        stdin: true,
      });
      let said = '';
      let sent = false;
      for await (const { bytes } of process.output) {
        said += Buffer.from(bytes).toString();
        // Once: a terminal that takes an interrupt throws away what it has not shown yet, so the next one could take the answer along.
        if (said.includes('ready') && !sent) {
          sent = true;
          await process.write(Buffer.from('\x03'));
        }
      }
      expect(said).toContain('caught');
      expect(await process.exitCode()).toBe(5);
    });

    it('attaches to a program: its input, its output from now on, and its end', async () => {
      const pod = await start('echo before; while read -r line; do echo "got $line"; done; echo over', { stdin: true, stdinOnce: true });
      const program = await runtime.attach({ podUid: pod.uid, container: 'main', stdin: true }, never);
      const collected = collectOutput(program);
      await program.write(Buffer.from('one\ntwo\n'));
      await program.endInput();
      expect((await collected).out.replace('before\n', '')).toBe('got one\ngot two\nover\n');
    });

    it('lets go of a program when the signal fires, and the program runs on', async () => {
      const pod = await start('while read -r line; do echo "got $line"; done', { stdin: true });
      const abort = new AbortController();
      const first = await runtime.attach({ podUid: pod.uid, container: 'main', stdin: true }, abort.signal);
      await first.write(Buffer.from('one\n'));
      for await (const { bytes } of first.output) {
        if (Buffer.from(bytes).toString().includes('got one')) break;
      }
      abort.abort();
      const second = await runtime.attach({ podUid: pod.uid, container: 'main', stdin: true }, never);
      await second.write(Buffer.from('two\n'));
      for await (const { bytes } of second.output) {
        if (Buffer.from(bytes).toString().includes('got two')) break;
      }
      expect((await runtime.list()).find(({ uid }) => uid === pod.uid)?.containers[0]?.state).toBe('running');
    });

    it('attaches to a terminal, and logs what it shows', async () => {
      const pod = await start('test -t 0 && echo terminal; read -r line; echo "got $line"; exit 3', {
        stdin: true,
        stdinOnce: true,
        tty: true,
      });
      const program = await runtime.attach({ podUid: pod.uid, container: 'main', stdin: true }, never);
      const collected = collectOutput(program);
      await program.write(Buffer.from('one\r'));
      expect((await collected).out).toContain('got one\r\n');
      const container = await eventually(async () => {
        const listed = (await runtime.list()).find(({ uid }) => uid === pod.uid)?.containers[0];
        return listed?.state === 'exited' ? listed : undefined;
      }, 'it has exited');
      expect(container.exitCode).toBe(3);
      const lines: string[] = [];
      for await (const { line } of runtime.logs({ podUid: pod.uid, container: 'main', follow: false }, never))
        lines.push(Buffer.from(line).toString().trimEnd());
      expect(lines).toContain('terminal');
    });

    it('attaches to a program without input: its output from now on', async () => {
      const pod = await start('i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done');
      const abort = new AbortController();
      const program = await runtime.attach({ podUid: pod.uid, container: 'main', stdin: false }, abort.signal);
      let said = '';
      for await (const { bytes } of program.output) {
        said += Buffer.from(bytes).toString();
        if (said.split('\n').length > 3) break;
      }
      const numbers = said.trim().split('\n').map(Number);
      expect(numbers.slice(1)).toEqual(numbers.slice(0, -1).map((number) => number + 1));
      abort.abort();
    });

    it.skipIf(echoServer === undefined)(
      'connects to a port of the pod, each direction ending by itself',
      async () => {
        const pod = await start('', { command: echoServer?.command });
        const stream = await eventually(
          async () => runtime.connect({ podUid: pod.uid, port: 8080 }, never).catch(() => undefined),
          'it listens',
        );
        const sent = Buffer.alloc(4 * 1024 * 1024, 'echo');
        const received = (async () => {
          const chunks: Uint8Array[] = [];
          for await (const chunk of stream.source) chunks.push(chunk);
          return Buffer.concat(chunks);
        })();
        await stream.write(sent);
        await stream.end();
        expect((await received).equals(sent)).toBe(true);
        await expect(runtime.connect({ podUid: pod.uid, port: 9 }, never)).rejects.toMatchObject({ code: 'ConnectionRefused' });
      },
      30_000,
    );
  });
}
