import { readFileSync } from 'node:fs';
import type { LabHost } from '../lab/types.ts';

/** While a host was lost on purpose. Wall-clock ms. */
export interface LossWindow {
  from: number;
  until: number;
  victim: string;
}

/** A host that is just back has not heard the others yet, nor they it: what it declares by then is told apart. */
const RETURN_MS = 3_000;
const DEATH = /^(\S+) WARN\s+A peer is dead .*\bnode=(\S+)/gm;

export interface FalseDeaths {
  /** Of hosts that were not lost, by hosts that were not. */
  wrong: string[];
  /** By a host that was lost a moment ago, of others that it had not heard again yet. */
  byReturning: string[];
}

/** What daemons wrote of deaths that were none. A host that is cut off holds the others for dead, rightly by what it can see: that does not count while it lasts. */
export function falseDeaths(hosts: readonly LabHost[], windows: readonly LossWindow[]): FalseDeaths {
  const found: FalseDeaths = { wrong: [], byReturning: [] };
  for (const host of hosts) {
    for (const [line, time = '', node] of readFileSync(host.daemonLog, 'utf8').matchAll(DEATH)) {
      const at = Date.parse(time);
      const isTrue = windows.some(({ from, until, victim }) => at >= from && at <= until && (node === victim || host.node === victim));
      if (isTrue) continue;
      const returns = windows.some(({ until, victim }) => host.node === victim && at > until && at <= until + RETURN_MS);
      (returns ? found.byReturning : found.wrong).push(`${host.node}: ${line}`);
    }
  }
  return found;
}
