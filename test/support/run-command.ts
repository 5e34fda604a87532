import { runKith } from '../../cli/program.ts';

export interface CommandResult {
  code: number;
  out: string;
  err: string;
}

export interface CommandOptions {
  stdin?: string;
  signal?: AbortSignal;
  /** Each piece of output as it comes. */
  onOut?: (text: string) => void;
  environment?: Record<string, string>;
}

/** Runs `kith` in this process: the same code as the command, half a second sooner. */
export async function runCommand(words: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const result: CommandResult = { code: 0, out: '', err: '' };
  result.code = await runKith(
    words,
    {
      out: (text) => {
        result.out += text;
        options.onOut?.(text);
      },
      err: (text) => (result.err += text),
      outBytes: async (bytes) => {
        const text = Buffer.from(bytes).toString();
        result.out += text;
        options.onOut?.(text);
      },
      errBytes: async (bytes) => void (result.err += Buffer.from(bytes).toString()),
      keyboard: {
        isTerminal: false,
        bytes: async function* () {
          yield Buffer.from(options.stdin ?? '');
        },
        setRaw: () => undefined,
        close: () => undefined,
        size: () => undefined,
        onResize: () => () => undefined,
      },
      interactive: false,
      environment: options.environment ?? {},
      uid: process.getuid?.() ?? -1,
      readStdin: () => Promise.resolve(options.stdin ?? ''),
      signal: options.signal ?? new AbortController().signal,
      now: () => Date.now(),
    },
    'test',
  );
  return result;
}
