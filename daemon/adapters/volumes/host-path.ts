/**
 * Paths of the host that pods ask for. What is behind them may never answer (a server or disk that is away), and Node.js does file work in four threads only: each look would
 * take one of them for good, and four stop all of the daemon's disk work. So programs of the host look, and one that hangs is given up.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { KithError } from '../../../protocol/errors.ts';
import type { Ran } from '../system/run.ts';

/** A network file system that is alive answers in much less. */
const LOOK_MS = 10_000;

export interface HostPathsDeps {
  run: (file: string, words: readonly string[]) => Promise<Ran>;
}

export class HostPaths {
  readonly #run: HostPathsDeps['run'];
  readonly #lookMs: number;
  /** What has not ended yet, by what it is: of a path that hangs no more than one program of a kind is left. */
  readonly #running = new Map<string, Promise<Ran>>();

  constructor(deps: HostPathsDeps, options: { lookMs?: number } = {}) {
    this.#run = deps.run;
    this.#lookMs = options.lookMs ?? LOOK_MS;
  }

  /** What a hostPath must be, and what it is made of where it is not there. Source: pkg/volume/hostpath. @throws KithError `VolumeFailed` */
  async check(path: string, type: string): Promise<void> {
    // What is not there becomes a folder, as with containerd.
    const mayMakeFolder = type === '' || type === 'DirectoryOrCreate';
    let found = await this.kindOf(path);
    if (found === undefined && (mayMakeFolder || type === 'FileOrCreate')) {
      if (mayMakeFolder) await this.#make('mkdir', ['-p', '-m', '755', '--', path], path);
      else await this.#make('touch', ['--', path], path);
      found = await this.kindOf(path);
    }
    const wrong = (is: string): KithError => failed(`hostPath type check failed: ${path} is not a ${is}`);
    if (type.startsWith('Directory') && found !== 'directory') throw wrong('directory');
    if (type.startsWith('File') && found?.startsWith('regular ') !== true) throw wrong('file');
    if (type === 'Socket' && found !== 'socket') throw wrong('socket file');
    if (type === 'CharDevice' && found !== 'character special file') throw wrong('character device');
    if (type === 'BlockDevice' && found !== 'block special file') throw wrong('block device');
  }

  /** In the words of stat(1); undefined where there is nothing. @throws KithError `VolumeFailed` if it does not answer */
  async kindOf(path: string): Promise<string | undefined> {
    const { code, stdout } = await this.#within('stat', ['-L', '-c', '%F', '--', path], path);
    return code === 0 ? stdout.trim() : undefined;
  }

  async #make(program: string, words: readonly string[], path: string): Promise<void> {
    const { code, stderr } = await this.#within(program, words, path);
    if (code !== 0) throw failed(stderr);
  }

  async #within(program: string, words: readonly string[], path: string): Promise<Ran> {
    const key = `${program}\0${path}`;
    const running = this.#running.get(key) ?? this.#run(program, words).finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    const timer = new AbortController();
    try {
      const late = delay(this.#lookMs, undefined, { signal: timer.signal }).catch(() => undefined);
      const ran = await Promise.race([running, late]);
      if (ran === undefined) throw failed(`${path} does not answer for ${this.#lookMs / 1000} s: is what it lies on away?`);
      return ran;
    } finally {
      timer.abort();
    }
  }
}

function failed(why: string): KithError {
  return new KithError('VolumeFailed', why);
}
