import { closeSync, constants, openSync, readSync } from 'node:fs';

/** The kernel's log. Whoever opens it reads it from its oldest record on, one record a read, without taking anything away from others. */
const KERNEL_LOG = '/dev/kmsg';
/** A record is at most 8 KiB (CONSOLE_EXT_LOG_MAX). */
const RECORD_BYTES = 8_192;
/** Records looked at in one go: more than the kernel's buffer of a few hundred KiB holds. */
const MAX_RECORDS = 50_000;
/** Containers remembered, the newest: a pod's last attempt that has ended is listed for as long as the pod is. */
const REMEMBERED = 1_000;
/** What the kernel says as it kills: the control group of the process, which ends in its container's id. Source: mem_cgroup_print_oom_context in mm/memcontrol.c. */
const KILLED = /oom-kill:.*?task_memcg=[^,\n]*?([0-9a-f]{64})/g;

/**
 * Containers of which the kernel has killed a process for want of memory, by its own log. The engine learns of that from a control group that its shim begins to watch only
 * once the container runs: what takes too much at once, on a busy host, is over before, and the engine then says that it was not memory.
 * Says nothing where the log can't be read, as by who is not root.
 */
export class OomKills {
  readonly #path: string;
  readonly #ids = new Set<string>();
  #file: number | undefined;

  constructor(path = KERNEL_LOG) {
    this.#path = path;
  }

  has(containerId: string): boolean {
    this.#catchUp();
    return this.#ids.has(containerId);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #catchUp(): void {
    try {
      this.#file ??= openSync(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch {
      return;
    }
    const record = Buffer.alloc(RECORD_BYTES);
    for (let count = 0; count < MAX_RECORDS; count += 1) {
      const length = readRecord(this.#file, record);
      if (length === 0) return;
      for (const [, id = ''] of record.toString('latin1', 0, Math.max(0, length)).matchAll(KILLED)) this.#remember(id);
    }
  }

  #remember(id: string): void {
    this.#ids.add(id);
    const [oldest] = this.#ids;
    if (this.#ids.size > REMEMBERED && oldest !== undefined) this.#ids.delete(oldest);
  }
}

/** @returns bytes; 0 where there is no more; below 0 where records were overwritten before they were read, and others follow */
function readRecord(file: number, into: Buffer): number {
  try {
    return readSync(file, into, 0, into.length, null);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPIPE' ? -1 : 0;
  }
}
