import { afterEach, describe, expect, it, vi } from 'vitest';
import { Crew } from './crew.ts';
import { runCommand } from './command.ts';
import type { Task } from './task.ts';

/** Seed 2 never ends, seed 3 throws, seed 4 ends its thread. */
const PROGRAM = `
  import { parentPort } from 'node:worker_threads';
  parentPort.on('message', ({ seed }) => {
    if (seed === 2) for (;;);
    if (seed === 3) throw new Error('out of luck');
    if (seed === 4) process.exit(7);
    parentPort.postMessage({ seed, plot: 'storm', digest: '', virtualMs: 1, realMs: 1, stormMs: 0, steps: 0, faults: {}, timeline: '' });
  });`;
const url = new URL(`data:text/javascript,${encodeURIComponent(PROGRAM)}`);
/** Long for what does nothing: a machine may be busy. */
const TIMEOUT_MS = 10_000;

function task(seed: number): Task {
  return { seed, peers: { least: 3, most: 5 }, without: [], stormMs: undefined, lines: 10, verbose: false };
}

describe('threads that run seeds', () => {
  let crew: Crew | undefined;
  afterEach(async () => crew?.end());

  it.each([
    [2, 'timedOut', 'it has not ended after 10 s of real time'],
    [3, 'threadDied', 'out of luck'],
    [4, 'threadDied', 'exit code 7'],
  ])('go on after seed %i, of which it is told what became: %s', async (seed, checker, message) => {
    crew = new Crew(url, { size: 1, timeoutMs: TIMEOUT_MS });
    const results = await Promise.all([crew.run(task(1)), crew.run(task(seed)), crew.run(task(5))]);
    expect(results).toMatchObject([{ seed: 1 }, { seed, failure: { checker } }, { seed: 5 }]);
    expect(results[1]?.failure?.message).toContain(message);
    expect([results[0]?.failure, results[2]?.failure]).toEqual([undefined, undefined]);
  });

  it('are watched: the command names each seed that did not end, and how to see it again', async () => {
    const said: string[] = [];
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0);
    const progress = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    let code: number;
    try {
      code = await runCommand(['--seeds', '5', '--jobs', '1', '--timeout', '10'], url);
    } finally {
      write.mockRestore();
      progress.mockRestore();
    }
    const text = said.join('');
    expect(code).toBe(1);
    expect(text).toContain(
      'seed 2 (poorGossip) failed: timedOut: it has not ended after 10 s of real time: its thread was ended\nagain: npm run simulate -- --seed 2 --seeds 1 --peers 3..5',
    );
    expect(text).toContain('seed 3 (storm) failed: threadDied');
    expect(text).toContain('failed: timedOut 1, threadDied 2\nseeds: 2 3 4\n2 passed, 3 failed');
  });
});
