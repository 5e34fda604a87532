/**
 * Numbered lives of a key. Creation opens a life, deletion buries all lives up to it, for ever. A key holds at most one life; a greater one means that all
 * smaller ones were buried.
 */
export interface LifeState {
  /** 0 when none is open. */
  life: number;
  /** The greatest buried life; of an open life it is the one before. */
  buried: number;
}

export const NO_LIFE: LifeState = { life: 0, buried: 0 };

/**
 * The life that a creation opens. `floor` is greater or equal to every life whose grave was forgotten. Names that are never used twice need no floor: without it,
 * two sides that have forgotten different graves still make the same object.
 */
export function lifeToOpen(state: LifeState, floor: number, neverReused: boolean): number {
  return Math.max(state.life, state.buried, neverReused ? 0 : floor) + 1;
}

export type ChangeVerdict =
  /** For the open life, or for a key that was never open. */
  | 'merge'
  /** For a later life: the open one, if any, is buried by it. */
  | 'supersede'
  /** For a life that is deleted. */
  | 'buried';

export function judgeChanges(state: LifeState, life: number): ChangeVerdict {
  if (life <= state.buried) return 'buried';
  return life === state.life ? 'merge' : 'supersede';
}

/** The state after lives up to `life` are buried; undefined when they are already. */
export function bury(state: LifeState, life: number): LifeState | undefined {
  if (life <= state.buried) return undefined;
  return { life: state.life > life ? state.life : 0, buried: life };
}
