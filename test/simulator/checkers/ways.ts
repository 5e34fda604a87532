import type { SimHost } from '../host.ts';
import type { SimWorld } from '../world.ts';

/** Runs, is not frozen, and its engine and disk are well. */
export function isWell({ daemon, runtime, disk }: SimHost): boolean {
  if (daemon === undefined || daemon.clock['frozen'] || daemon.worker['frozen']) return false;
  return runtime.away === undefined && runtime.hanging.size === 0 && disk.slowMs === 0 && !disk.isFull;
}

/** Both are well, and so are both ways between them. */
export function isUntroubled({ network }: SimWorld, one: SimHost, other: SimHost): boolean {
  return isWell(one) && isWell(other) && network.isSound(one.id, other.id) && network.isSound(other.id, one.id);
}

/**
 * Hosts that run and reach each other, as sides of clean cuts: on each side everybody reaches everybody, and nobody on another side in any direction. Undefined where it
 * is not as simple as that.
 */
export function cleanSides(world: SimWorld): SimHost[][] | undefined {
  const up = world.lasting().filter(isUp);
  const sides: SimHost[][] = [];
  for (const host of up) {
    const side = sides.find(([first]) => first !== undefined && world.network.isSound(first.id, host.id));
    if (side === undefined) sides.push([host]);
    else side.push(host);
  }
  for (const one of up) {
    for (const other of up) {
      if (one === other) continue;
      const isSame = sides.some((side) => side.includes(one) && side.includes(other));
      const { network } = world;
      if (isSame ? !network.isSound(one.id, other.id) : network.passes(one.id, other.id)) return undefined;
    }
  }
  return sides;
}

/** Its main loop stands still, and its beats go on: others hold it for alive, and follow it, for some seconds. */
export function onlyBeats({ daemon }: SimHost): boolean {
  return daemon?.clock['frozen'] === true && !daemon.worker['frozen'];
}

/** Runs, and is not frozen. */
export function isUp({ daemon }: SimHost): boolean {
  return daemon !== undefined && !daemon.clock['frozen'] && !daemon.worker['frozen'];
}
