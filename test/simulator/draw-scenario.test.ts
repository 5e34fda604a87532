import { describe, expect, it } from 'vitest';
import { drawScenario } from './draw-scenario.ts';
import { NAMED_PLOTS, PLOTS, STORM } from './plots/all.ts';
import { ONCE } from './plots/once.ts';
import type { Scenario } from './scenario.ts';

const peers = { least: 3, most: 5 };
const SEEDS = Array.from({ length: 4 * PLOTS.length }, (_, index) => index + 1);

describe('what a seed stands for', () => {
  it('is the same each time, in order, and over before its storm is', () => {
    for (const seed of SEEDS) {
      const scenario = drawScenario(seed, { peers });
      expect(drawScenario(seed, { peers })).toEqual(scenario);
      const times = scenario.steps.map(({ at }) => at);
      expect(times).toEqual(times.toSorted((left, right) => left - right));
      expect(Math.max(...times), `${seed} (${scenario.plot})`).toBeLessThanOrEqual(scenario.stormMs);
      expect(scenario.steps.map(({ id }) => id)).toEqual(scenario.steps.map((_, index) => index));
    }
  });

  it('is a storm or a plot in turn: few in a row show all', () => {
    const count = (name: string): number => SEEDS.filter((seed) => drawScenario(seed, { peers }).plot === name).length;
    expect(count(STORM)).toBe(SEEDS.length / 2);
    for (const { name } of PLOTS) expect(count(name), name).toBeGreaterThanOrEqual(1);
  });

  it('is now and then one of the plots that are not in turn, where there are hosts enough for it', () => {
    const drawn = (most: number, count: number): string[] =>
      Array.from({ length: count }, (_, index) => drawScenario(8 * index, { peers: { least: 3, most } }).plot);
    const fitting = (most: number): string[] => NAMED_PLOTS.filter(({ leastPeers }) => leastPeers <= most).map(({ name }) => name);
    expect(new Set(drawn(5, NAMED_PLOTS.length))).toEqual(new Set(fitting(5)));
    expect(new Set(drawn(50, NAMED_PLOTS.length))).toEqual(new Set(fitting(50)));
    expect(fitting(50).length).toBe(NAMED_PLOTS.length);
  });

  it('has what must run at most once in some storms, and in some of these only when all vote', () => {
    const storms = Array.from({ length: 100 }, (_, index) => drawScenario(1 + 2 * index, { peers }));
    const leased = storms.filter(({ leases }) => leases === true);
    expect(leased.length).toBeGreaterThan(25);
    expect(leased.length).toBeLessThan(55);
    const asked = ({ steps }: Scenario): string[] => steps.flatMap(({ act }) => (act.do === 'request' ? [act.what] : []));
    for (const scenario of leased) expect(asked(scenario)).toEqual(expect.arrayContaining(ONCE.map(({ app }) => `create ${app}`)));
    const isQuiet = ({ steps }: Scenario): boolean =>
      steps.every(({ at, act }) => act.do === 'request' || act.do === 'deletePods' || at > 30_000);
    const settled = leased.filter(isQuiet).length;
    expect(settled).toBeGreaterThan(leased.length / 4);
    expect(settled).toBeLessThan((leased.length * 3) / 4);
  });

  it('is a plot only where there are hosts enough for it', () => {
    for (const seed of SEEDS) expect(drawScenario(seed, { peers: { least: 2, most: 2 } }).peers).toBe(2);
    expect(() => drawScenario(1, { peers, plot: 'none' })).toThrow('no plot is called none: there are storm, longCut');
  });
});
