import { readFileSync } from 'node:fs';
import { isFields, scenarioFault } from './scenario-shape.ts';
import type { Scenario } from './scenario.ts';

/** A scenario that failed once, as plain data: it outlives changes of what seeds draw. */
export interface Regression {
  /** What went wrong, and why. */
  about: string;
  /** Planted bugs by name, and the checker that each trips here: while it does, the scenario still guards against what it was kept for. */
  catches: Record<string, string>;
  scenario: Scenario;
}

const NEXT = 'Give a file that --shrink kept under .cache/scenarios/, or one of test/simulator/regressions/';

/** From a file that has a regression, or a scenario alone. @throws Error that says what is wrong where, and what to do */
export function readScenario(file: string): Scenario {
  const read = readJson(file);
  const scenario: unknown = isFields(read) && 'scenario' in read ? read['scenario'] : read;
  const fault = scenarioFault(scenario);
  if (fault !== undefined) throw new Error(`${file} is no scenario: ${fault}. ${NEXT}`);
  return scenario as Scenario;
}

/** @throws Error, likewise */
export function readRegression(file: string): Regression {
  const scenario = readScenario(file);
  const { about, catches, ...others } = readJson(file) as Partial<Regression>;
  const names = isFields(catches) ? Object.values(catches) : [];
  if (typeof about !== 'string' || names.length === 0 || !names.every((name) => typeof name === 'string') || Object.keys(others).length > 1)
    throw new Error(`${file} is no regression: it needs "about", "catches" (checkers by planted bug) and "scenario", and nothing else`);
  return { about, catches: catches ?? {}, scenario };
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file} can not be read as a scenario: ${error instanceof Error ? error.message : String(error)}. ${NEXT}`, {
      cause: error,
    });
  }
}
