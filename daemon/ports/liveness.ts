import type { LeaderView, MemberState } from '../core/cluster/view.ts';

/** Who is alive and who leads, in this peer's belief. */
export interface Liveness {
  members(): readonly MemberState[];
  leader(): LeaderView;
  /** Asks a member that is dead by others' word alone whether it is, once for each such death; if it answers, `members` says so. */
  doubt(peer: string): void;
  /** Something of the above changed. */
  onChanged(listener: () => void): () => void;
}
