import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { KithError } from '../../../protocol/errors.ts';
import { isExecutable, writeWhole } from './files.ts';

/** Of a program that was not started, as its lease was over. sysexits.h calls it a temporary failure. */
const FENCED_EXIT_CODE = 75;
/** A container keeps at most two files of this size for each of its two streams: 20 MiB in all. */
export const LOG_FILE_BYTES = 5 * 1024 * 1024;

/**
 * What stands between the daemon and a container's program, one for each container, in a session of its own. It outlives the daemon and is all that is needed to
 * know later what the program said and how it ended. A few dash processes take about 1 MB together, where a Node.js one takes 40.
 *
 * - Only builtins run in the loops: no process per line. The stamp of a line is /proc/uptime, 10 ms fine; the daemon notes what it means in wall time.
 * - Names begin with `__k_`: a shell variable that also is in the environment would change what the program sees.
 * - The program is started in the foreground by a shell of its own that writes its identity first: background commands of a shell without job control
 *   inherit an ignored SIGINT that nobody can undo.
 * - `shim` is made with O_EXCL: a second shim for the same attempt ends at once.
 * - A line too long for 128 MiB of address space ends its reader; a new one goes on with the rest.
 */
const SCRIPT = `# Written by kithd; see daemon/adapters/process/shim.ts.
__k_identity() {
  __k_pid=$1
  read -r __k_stat < "/proc/$1/stat" || return 1
  read -r __k_boot < /proc/sys/kernel/random/boot_id
  read -r __k_up __k_idle < /proc/uptime
  set -- \${__k_stat##*) }
  printf '%s %s %s %s\\n' "$__k_pid" "\${20}" "$__k_boot" "$__k_up"
}
__k_lines() {
  LC_ALL=C
  ulimit -v 131072 2> /dev/null
  __k_bytes=0
  exec 5>> "$__k_dir/$1.log"
  while IFS= read -r __k_line || [ -n "$__k_line" ]; do
    read -r __k_up __k_idle < /proc/uptime
    printf '%s %s\\n' "$__k_up" "$__k_line" >&5
    __k_bytes=$((__k_bytes + \${#__k_line} + 12))
    if [ "$__k_bytes" -ge "$__k_limit" ]; then
      exec 5>&-
      "$__k_mv" -f "$__k_dir/$1.log" "$__k_dir/$1.log.1"
      exec 5>> "$__k_dir/$1.log"
      __k_bytes=0
    fi
  done
  :
}
__k_log() {
  __k_tries=0
  until ( __k_lines "$1" ) || [ "$__k_tries" -ge 1000 ]; do __k_tries=$((__k_tries + 1)); done 2> /dev/null
  while read -r __k_line; do :; done
  printf 'end\\n' >> "$__k_dir/$1.log"
}
__k_run() {
  /bin/sh "$0" program "$__k_dir" "$__k_setsid" "$@"
  __k_code=$?
  read -r __k_up __k_idle < /proc/uptime
  read -r __k_pid __k_idle < "$__k_dir/running" && kill -s KILL -- "-$__k_pid" 2> /dev/null
  printf '%s %s\\n' "$__k_code" "$__k_up" > "$__k_dir/ended"
  : > "$__k_hint"
}
if [ "$1" = program ]; then
  __k_dir=$2
  __k_identity $$ > "$__k_dir/running"
  shift 2
  unset __k_dir
  exec "$@"
fi
__k_dir=$1 __k_hint=$2 __k_limit=$3 __k_mv=$4 __k_setsid=$5
shift 5
( set -C; __k_identity $$ > "$__k_dir/shim" ) 2> /dev/null || exit 1
{ __k_run "$@" 2>&1 >&3 3>&- | __k_log stderr > /dev/null 3>&-; } 3>&1 | __k_log stdout > /dev/null
`;

/**
 * The program itself, unless it is too late by /proc/uptime: a daemon that was frozen between its decision and this start must not start what others run by now. Hundredths
 * of a second, as the kernel tells them.
 */
const FENCE = `read -r __k_up __k_idle < /proc/uptime
[ "\${__k_up%.*}\${__k_up#*.}" -lt "$1" ] || exit ${FENCED_EXIT_CODE}
unset __k_up __k_idle
shift
exec "$@"`;

export function fencedWords(argv: readonly string[], notAfterMs: number): string[] {
  return ['/bin/sh', '-c', FENCE, 'kith-fence', String(Math.floor(notAfterMs / 10)), ...argv];
}

export interface ShimTools {
  mv: string;
  setsid: string;
}

/** @throws KithError `RuntimeUnavailable` naming the program that is missing */
export async function findShimTools(): Promise<ShimTools> {
  const [mv, setsid] = await Promise.all(['mv', 'setsid'].map(findTool));
  return { mv: mv!, setsid: setsid! };
}

async function findTool(name: string): Promise<string> {
  for (const folder of ['/usr/bin', '/bin', '/usr/sbin', '/sbin', ...(process.env['PATH'] ?? '').split(':')]) {
    if (folder.startsWith('/') && (await isExecutable(join(folder, name)))) return join(folder, name);
  }
  throw new KithError(
    'RuntimeUnavailable',
    `the process runtime needs the program "${name}" (of coreutils and util-linux, or busybox), which is not installed`,
  );
}

/** Puts the script into `folder`, under a name that says its contents: shims that run keep theirs when a newer daemon brings another. */
export async function installShim(folder: string): Promise<string> {
  const path = join(folder, `shim-${createHash('sha256').update(SCRIPT).digest('hex').slice(0, 12)}.sh`);
  await writeWhole(path, SCRIPT);
  return path;
}

export interface ShimStart {
  script: string;
  tools: ShimTools;
  /** Folder of the attempt: the shim writes `shim`, `running`, `ended` and the logs there. */
  folder: string;
  /** File that is written when the container has ended. */
  hintFile: string;
  argv: string[];
  env: Record<string, string>;
  workingDir: string;
  logFileBytes: number;
}

/** Starts a shim that this process need not wait for. Resolves once it runs, not once its program does. */
export async function startShim(start: ShimStart): Promise<void> {
  const child = spawn(
    '/bin/sh',
    [start.script, start.folder, start.hintFile, String(start.logFileBytes), start.tools.mv, start.tools.setsid, ...start.argv],
    { cwd: start.workingDir, env: start.env, detached: true, stdio: 'ignore' },
  );
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  child.unref();
}
