/**
 * Program of its own (bundled as `guard.js`), one a node, started by the daemon when the first pod under a lease starts: it kills what runs under a lease when that is
 * over. It lives on when the daemon is stopped, killed or frozen, and needs nothing of it. After a pause of the host its first step is to look at the clock. Words:
 * SOCKET CHECK_MS. It ends when it guards nothing and nobody is connected for a while. Told to end (SIGTERM), it ends what it guards first.
 */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { constants, setPriority, uptime } from 'node:os';
import type { GuardAnswer, GuardRequest } from './messages.ts';
import { lineReader } from './messages.ts';
import { GuardTable, type Entry } from './table.ts';
import { findVictims, killVictims, mayKill } from './victims.ts';

const [socketPath = '', checkText = '50'] = process.argv.slice(2);
/** So long without anything to guard and anybody connected, it ends. */
const IDLE_MS = 10_000;
/** Between two looks while it holds no lease. */
const RESTING_MS = 500;
/** What a kill may take before whoever waits for it is told that the kernel holds a process. */
const CLEAR_MS = 5_000;
/** Where the kernel kills when memory runs out, it takes this process last. */
const OUT_OF_MEMORY_SCORE = '-900';

const table = new GuardTable();
const clients = new Set<Socket>();
const clearing = new Map<string, { until: number; answer: (why?: string) => void }>();
let idleSince = now();
let timer: NodeJS.Timeout | undefined;

function now(): number {
  return Math.round(uptime() * 1000);
}

function kill(entries: readonly Entry[]): ReadonlySet<string> {
  const gone = new Set<string>();
  for (const entry of entries) {
    const victims = findVictims(entry.marks);
    killVictims(victims);
    if (victims.length === 0) gone.add(entry.uid);
  }
  return gone;
}

function check(): void {
  const at = now();
  if (at < table.nextAt && clearing.size === 0) return;
  const over = table.due(at);
  kill(over);
  // Again: what was forked meanwhile, was not gone yet, or is started late by a daemon that was frozen.
  const expired = table.toCheck(at);
  const gone = expired.length === 0 ? new Set<string>() : kill(expired);
  for (const { uid } of over) tellAll({ killed: uid });
  for (const [uid, { until, answer }] of clearing) {
    if (!gone.has(uid) && at < until) continue;
    clearing.delete(uid);
    if (gone.has(uid)) table.forget(uid);
    answer(gone.has(uid) ? undefined : 'its processes do not end after SIGKILL; the kernel holds them');
  }
}

/** Timers stand still while the host is suspended, so while there are leases it looks at the clock again and again. */
function tick(): void {
  check();
  // Of a daemon that does not come back, all that it left is dead by then.
  if (!table.isOver || clients.size > 0) idleSince = now();
  else if (now() - idleSince > IDLE_MS) end();
  timer = setTimeout(tick, table.isOver && clearing.size === 0 ? RESTING_MS : Number(checkText));
}

function tellAll(answer: GuardAnswer): void {
  for (const client of clients) client.write(`${JSON.stringify(answer)}\n`);
}

function serve(client: Socket): void {
  clients.add(client);
  client.setEncoding('utf8');
  const read = lineReader((line) => {
    const request = JSON.parse(line) as GuardRequest;
    answer(request, (said) => client.write(`${JSON.stringify(said)}\n`));
  });
  client.on('data', (chunk) => read(String(chunk)));
  client.on('error', () => client.destroy());
  client.on('close', () => clients.delete(client));
}

function answer(request: GuardRequest, say: (answer: GuardAnswer) => void): void {
  const { id } = request;
  const done = (why?: string): void => say(why === undefined ? { id, ok: true } : { id, ok: false, why });
  switch (request.do) {
    case 'list':
      return say({ id, ok: true, pid: process.pid, pods: table.all() });
    case 'arm':
      return done(table.arm(request.pod, now()));
    case 'mark':
      return done(table.mark(request.uid, request.marks, now()));
    case 'look': {
      const victims = findVictims(table.get(request.uid)?.marks ?? []);
      return say({ id, ok: true, seen: victims.length, killable: victims.filter(mayKill).length });
    }
    case 'clear':
      if (table.get(request.uid) === undefined) return done();
      table.expire(request.uid, now());
      clearing.set(request.uid, { until: now() + CLEAR_MS, answer: done });
      check();
      clearTimeout(timer);
      return tick();
    case 'forget':
      table.forget(request.uid);
      return done();
  }
}

function end(): void {
  rmSync(socketPath, { force: true });
  process.exit(0);
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    for (const { uid } of table.all()) table.expire(uid, now());
    kill(table.all());
    kill(table.all());
    end();
  });
}
process.on('SIGHUP', () => undefined);
for (const prefer of [
  () => writeFileSync('/proc/self/oom_score_adj', OUT_OF_MEMORY_SCORE),
  // On a host that wakes up everybody wants to run at once.
  () => setPriority(constants.priority.PRIORITY_HIGHEST),
]) {
  try {
    prefer();
  } catch {
    // Only root may.
  }
}
rmSync(socketPath, { force: true });
const server = createServer(serve);
server.listen(socketPath, () => chmodSync(socketPath, 0o600));
tick();
