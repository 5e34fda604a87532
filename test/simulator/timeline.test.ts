import { expect, it } from 'vitest';
import { VirtualClock } from '../support/virtual-clock.ts';
import { runScenario } from './run.ts';
import { Timeline } from './timeline.ts';

it('a timeline shows so many lines, none if none are asked for, and tells of the others', () => {
  const timeline = new Timeline(new VirtualClock());
  for (const what of ['one', 'two', 'three']) timeline.add('world', what);
  timeline.add('world', 'a detail', false);
  expect(timeline.text(2)).toMatch(/^… 1 earlier lines\n.*two\n.*three$/);
  expect(timeline.text(0)).toBe('… 3 earlier lines');
  expect(timeline.text(1, true)).toMatch(/^… 3 earlier lines\n.*a detail$/);
  timeline.end();
  timeline.add('world', 'four');
  expect(timeline.text(1)).toMatch(/three$/);
});

it('it tells what was said of an object, by whom first, and what befell hosts meanwhile', () => {
  const timeline = new Timeline(new VirtualClock());
  timeline.add('world', '→ a cut: node-1 | node-2');
  timeline.add('node-1', '→ asks node-1 to create other');
  expect(timeline.about(['web-1'], 10)).toBe('');
  timeline.log('node-2').debug('decided', { key: 'pods/default/web-1', reason: 'node-1 is dead', writes: 2 });
  for (const node of ['node-1', 'node-3']) timeline.add(node, 'holds now that pods/default/web-1 is to end', false);
  timeline.add('node-3', 'container: start web-2/main#0');
  const lines = timeline.about(['web-1'], 10).split('\n');
  expect(lines.map((line) => line.trim().replace(/ +/g, ' '))).toEqual([
    '0.000 world → a cut: node-1 | node-2',
    '0.000 node-2 decides about pods/default/web-1: node-1 is dead',
    '0.000 node-1 holds now that pods/default/web-1 is to end',
  ]);
  expect(timeline.about(['web-1'], 1)).toMatch(/^… 2 earlier lines\n.*is to end$/);
});

it('the failure is the last line of it, also in the middle of a storm', async () => {
  const network = { delayMs: 1, jitterMs: 0, loss: 0, duplicate: 0 };
  const about = { seed: 1, plot: 'storm', peers: 2, cpu: '4', network, documents: 'light' } as const;
  // Nothing is promised where all disks are lost.
  const lost = (host: number) => ({ do: 'powerCut', host, downMs: 500, disk: 'lost' }) as const;
  const steps = [
    { id: 0, at: 100, act: lost(1) },
    { id: 1, at: 100, act: lost(2) },
  ];
  const { failure, timeline } = await runScenario({ ...about, stormMs: 60_000, steps });
  expect(failure).toBeDefined();
  expect(timeline.text(1, true).split('\n').at(-1)).toContain(`✗ ${failure?.message.split('\n').at(-1) ?? ''}`);
  expect(timeline.text(1_000, true)).not.toContain('the simulation ends');
}, 60_000);
