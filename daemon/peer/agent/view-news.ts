import type { ObjectKey } from '../../../protocol/objects.ts';
import type { ClusterView } from '../../core/cluster/view.ts';
import { concernsNode, ownConcerns } from '../../core/reconcile/concerns.ts';
import type { PodCase } from '../../core/reconcile/judge.ts';
import { AGENT_LIMITS } from './limits.ts';

/** How soon all pods of this node are to be looked at again after a change of the view: most changes in a wide cluster are of other hosts' pods. */
export class ViewNews {
  #cases: ReadonlyMap<string, PodCase> | undefined;
  #own: ReadonlySet<ObjectKey> = new Set();

  /** @param cases what the last look at all pods found, by uid */
  lookWithinMs(view: ClusterView, cases: ReadonlyMap<string, PodCase>, changed: ReadonlySet<ObjectKey>): number {
    if (this.#cases !== cases) {
      this.#own = ownConcerns(view, cases.values());
      this.#cases = cases;
    }
    return concernsNode(view, changed, this.#own) ? 0 : AGENT_LIMITS.foreignNewsMs;
  }
}
