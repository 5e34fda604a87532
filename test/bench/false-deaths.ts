import { readFileSync } from 'node:fs';
import type { LabHost } from '../lab/types.ts';

/** While a host was lost on purpose. Wall-clock ms. */
export interface LossWindow {
  from: number;
  until: number;
  victim: string;
}

/** A verdict that was on its way when the loss ended: a host's first beat takes so long. */
const MARGIN_MS = 500;
const DEATH = /^(\S+) WARN\s+A peer is dead .*\bnode=(\S+)/gm;

/** What daemons wrote of deaths that were none. A host that is cut off holds the others for dead, rightly by what it can see: that does not count while it lasts. */
export function falseDeaths(hosts: readonly LabHost[], windows: readonly LossWindow[]): string[] {
  return hosts.flatMap((host) =>
    [...readFileSync(host.daemonLog, 'utf8').matchAll(DEATH)].flatMap(([line, time = '', node]) => {
      const at = Date.parse(time);
      const isTrue = windows.some(
        ({ from, until, victim }) => at >= from && at <= until + MARGIN_MS && (node === victim || host.node === victim),
      );
      return isTrue ? [] : [`${host.node}: ${line}`];
    }),
  );
}
