import fc from 'fast-check';
import { expect, it } from 'vitest';
import { KithError } from '../../../protocol/errors.ts';
import type { RuntimeEvent } from '../../support/simulated-runtime.ts';
import { AgentWorld } from '../../support/agent-world.ts';
import { testSeed } from '../../support/virtual-clock.ts';

const NAMES = ['a', 'b', 'c'] as const;
const METHODS = [
  'createSandbox',
  'startContainer',
  'stopContainer',
  'removePod',
  'pullImage',
  'list',
  'findImage',
  'removeContainer',
] as const;
const ERRORS = ['RuntimeUnavailable', 'ImagePullFailed', 'ContainerStartFailed', 'InvalidContainer', 'Internal'] as const;

type Step =
  | { do: 'add' | 'delete' | 'bury' | 'crash'; name: string }
  | { do: 'restart' | 'kill' | 'away' | 'back' | 'reboot' | 'release' }
  | { do: 'fail'; method: string; code: string }
  | { do: 'hang'; method: string }
  | { do: 'storeFull' };

const name = fc.constantFrom(...NAMES);
const method = fc.constantFrom(...METHODS);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('add' as const, 'delete' as const, 'bury' as const, 'crash' as const), name }),
  fc.record({
    do: fc.constantFrom('restart' as const, 'kill' as const, 'away' as const, 'back' as const, 'reboot' as const, 'release' as const),
  }),
  fc.record({ do: fc.constant('fail' as const), method, code: fc.constantFrom(...ERRORS) }),
  fc.record({ do: fc.constant('hang' as const), method }),
  fc.record({ do: fc.constant('storeFull' as const) }),
);
const story = fc.array(fc.tuple(step, fc.integer({ min: 0, max: 3_000 })), { minLength: 5, maxLength: 40 });

async function take(world: AgentWorld, action: Step): Promise<void> {
  const { runtime, desired, writeFailures } = world;
  const known = 'name' in action ? desired.objects.get(`pods/default/${action.name}`) : undefined;
  switch (action.do) {
    case 'add':
      if (known === undefined) await world.addPod(action.name);
      return;
    case 'delete':
      if (known !== undefined && known.object.metadata.deletionTimestamp === undefined) await world.deletePod(action.name, 2);
      return;
    case 'bury':
      if (known !== undefined) await world.bury(known.key);
      return;
    case 'crash':
      if (known !== undefined) runtime.crash(known.uid, 'main');
      return;
    case 'restart':
      return world.restartAgent();
    case 'kill':
      // As SIGKILL: the daemon is away for a while, what it asked for may still come to pass.
      await world.agent?.stop();
      await world.clock.advance(1_500);
      world.startAgent();
      return;
    case 'away':
      runtime.away = 'the engine is away';
      return;
    case 'back':
      runtime.away = undefined;
      return;
    case 'reboot':
      return runtime.reboot();
    case 'release':
      return runtime.hanging.clear();
    case 'fail':
      runtime.failures.set(action.method, [new KithError(action.code, `no ${action.method}`)]);
      return;
    case 'hang':
      runtime.hanging.add(action.method);
      return;
    case 'storeFull':
      writeFailures.push(new KithError('StoreFull', 'the disk is full'));
  }
}

/** No container runs twice at once, none is started again without its end, and attempts count up. */
function anytimeOneAttempt(history: readonly RuntimeEvent[]): void {
  const running = new Map<string, number>();
  const newest = new Map<string, number>();
  for (const { what, podUid, container, attempt } of history) {
    const which = `${podUid}/${container}`;
    if (what === 'start') {
      expect(running.get(which), `${which} was running when attempt ${attempt} began`).toBeUndefined();
      expect(attempt, `${which} counts up`).toBeGreaterThan(newest.get(which) ?? -1);
      running.set(which, attempt);
      newest.set(which, attempt);
    } else if (what === 'exit' || what === 'kill') running.delete(which);
  }
}

/** Nothing was told to stop but what had been deleted. */
function anytimeStoppedOnOrder(world: AgentWorld, ordered: ReadonlySet<string>): void {
  const stopped = world.runtime.history.filter((event) => event.what === 'stop').map((event) => event.podUid);
  for (const uid of stopped) expect(ordered.has(uid), `${uid} was stopped without an order`).toBe(true);
}

it('whatever the engine and the daemon do, no container runs twice at once, and in the end all is as desired', async () => {
  const seed = testSeed('agent faults');
  await fc.assert(
    fc.asyncProperty(story, async (steps) => {
      const world = new AgentWorld();
      world.runtime.lateStarts = true;
      const ordered = new Set<string>();
      world.desired.onChanged((changes) => {
        for (const { before, after } of changes) {
          if (after?.object.metadata.deletionTimestamp !== undefined) ordered.add(after.uid);
          if (after === undefined && before !== undefined) ordered.add(before.uid);
        }
      });
      world.startAgent();
      for (const each of NAMES) await world.addPod(each);
      for (const [action, pauseMs] of steps) {
        await take(world, action);
        await world.clock.advance(pauseMs);
      }
      world.runtime.away = undefined;
      world.runtime.hanging.clear();
      world.runtime.failures.clear();
      const wanted = (): string[] => [...world.desired.objects.values()].map((pod) => pod.object.metadata.name).sort();
      const runs = (): string[] => world.runtime.running().map((text) => text.split('/')[0]!);
      const clean = (): boolean => world.runtime.podUids().length === wanted().length;
      const settled = (): boolean =>
        [...world.desired.objects.values()].every((pod) => world.isReady(pod) && pod.object.metadata.deletionTimestamp === undefined);
      await world.clock.until('all as desired', () => settled() && runs().join() === wanted().join() && clean(), 3_000_000, 1_000);
      anytimeOneAttempt(world.runtime.history);
      anytimeStoppedOnOrder(world, ordered);
      await world.close();
    }),
    { seed, numRuns: 30 },
  );
}, 120_000);
