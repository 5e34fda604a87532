import type { LeaderView, MemberState } from '../core/cluster/view.ts';

/** Who is alive and who leads, in this peer's belief. */
export interface Liveness {
  members(): readonly MemberState[];
  leader(): LeaderView;
  /** Something of the above changed. */
  onChanged(listener: () => void): () => void;
}
