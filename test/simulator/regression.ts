import { readFileSync } from 'node:fs';
import type { Scenario } from './scenario.ts';

/** A scenario that failed once, as plain data: it outlives changes of what seeds draw. */
export interface Regression {
  /** What went wrong, and why. */
  about: string;
  scenario: Scenario;
}

/** From a file that has a regression, or a scenario alone. */
export function readScenario(file: string): Scenario {
  const read = JSON.parse(readFileSync(file, 'utf8')) as Regression | Scenario;
  return 'scenario' in read ? read.scenario : read;
}
