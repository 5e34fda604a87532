import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { GuardTable } from '../../../daemon/adapters/guard/table.ts';
import { findVictims, killVictims } from '../../../daemon/adapters/guard/victims.ts';
import { parseStat } from '../../../daemon/adapters/process/processes.ts';
import { fencedWords } from '../../../daemon/adapters/process/shim.ts';
import { bootClock } from '../../../daemon/adapters/system/clock.ts';

const pod = { uid: 'u', resource: 'r', term: 1, deadline: 1_000 };

describe('what the guard knows', () => {
  it('is over when the deadline is, unless a later one came before', () => {
    const table = new GuardTable();
    table.arm(pod, 0);
    table.arm({ ...pod, deadline: 2_000 }, 500);
    expect(table.due(1_999)).toEqual([]);
    expect(table.due(2_000).map(({ uid }) => uid)).toEqual(['u']);
  });

  it('takes no renewal, and no new process, of what is over, until it is settled', () => {
    const table = new GuardTable();
    table.arm(pod, 0);
    expect(table.mark('u', { environment: 'A=' }, 1_000)).toBeDefined();
    table.due(1_000);
    expect(table.arm({ ...pod, deadline: 9_000 }, 1_001)).toBe('its time was over');
    expect(table.isOver).toBe(true);
    table.forget('u');
    expect(table.arm({ ...pod, deadline: 9_000 }, 1_002)).toBeUndefined();
  });

  it('says when there is something to do next: the deadline, then again and again until it is settled', () => {
    const table = new GuardTable();
    expect([table.nextAt, table.isOver]).toEqual([Infinity, true]);
    table.arm(pod, 0);
    expect([table.nextAt, table.isOver]).toEqual([1_000, false]);
    table.arm({ ...pod, deadline: 3_000 }, 0);
    expect(table.nextAt).toBe(3_000);
    table.due(3_000);
    expect(table.nextAt).toBeLessThanOrEqual(3_000);
    table.toCheck(3_000);
    expect([table.nextAt, table.isOver]).toEqual([3_000, true]);
    table.toCheck(6_000);
    expect(table.nextAt).toBe(8_000);
    table.forget('u');
    expect(table.nextAt).toBe(Infinity);
  });

  it('never moves a deadline back', () => {
    const table = new GuardTable();
    table.arm({ ...pod, deadline: 5_000 }, 0);
    table.arm(pod, 1);
    expect(table.due(4_999)).toEqual([]);
  });
});

describe('processes under a lease', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kith-guard-test-'));
  const started: ChildProcess[] = [];
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  function sleeper(env: Record<string, string>): ChildProcess {
    const child = spawn('/bin/sh', ['-c', 'sleep 60; :'], { env: { PATH: process.env['PATH'], ...env }, detached: true, stdio: 'ignore' });
    started.push(child);
    return child;
  }

  it('are found by their environment, and those only are killed', async () => {
    const [ours, other] = [sleeper({ KITH_CONTAINER: '/x/u/main/0/' }), sleeper({ KITH_CONTAINER: '/x/v/main/0/' })];
    await Promise.all([once(ours, 'spawn'), once(other, 'spawn')]);
    const victims = findVictims([{ environment: 'KITH_CONTAINER=/x/u/' }]);
    expect(victims.map(({ pid }) => pid)).toContain(ours.pid);
    expect(victims.map(({ pid }) => pid)).not.toContain(other.pid);
    killVictims(victims);
    expect(await once(ours, 'exit')).toEqual([null, 'SIGKILL']);
    expect(other.exitCode).toBeNull();
  });

  it('are found by the session that the attempt names, whatever they did to their environment', async () => {
    const child = sleeper({});
    await once(child, 'spawn');
    const ticks = parseStat(readFileSync(`/proc/${child.pid}/stat`, 'latin1'))!.startTicks;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    const attempt = mkdtempSync(join(tmpdir(), 'kith-guard-test-'));
    writeFileSync(join(attempt, 'running'), `${child.pid} ${ticks} ${boot} 1.00\n`);
    expect(findVictims([{ attempt }]).map(({ pid }) => pid)).toContain(child.pid);
    writeFileSync(join(attempt, 'running'), `${child.pid} ${ticks} another-boot 1.00\n`);
    expect(findVictims([{ attempt }])).toEqual([]);
    rmSync(attempt, { recursive: true });
  });

  it('are none when a frozen daemon starts one after the lease is over', async () => {
    const run = async (notAfterMs: number): Promise<unknown> => {
      const [program = '', ...words] = fencedWords(['/bin/sh', '-c', 'exit 7'], notAfterMs);
      const [code] = (await once(spawn(program, words), 'exit')) as [number];
      return code;
    };
    expect(await run(bootClock() + 60_000)).toBe(7);
    expect(await run(bootClock() - 10)).toBe(75);
  });
});
