import type { Pod } from '../../../protocol/types.ts';
import type { ClusterView } from '../../core/cluster/view.ts';
import { accountOf, withAccountVolume } from '../../core/accounts/account-volume.ts';
import { configSource } from '../../core/reconcile/config-source.ts';
import type { PodCase } from '../../core/reconcile/judge.ts';

/** Pods with what their containers get of their accounts: the same object while neither changes. */
export class AccountedPods {
  /** By the pod as desired state has it. */
  readonly #known = new WeakMap<Pod, { pod: Pod; uid: string | undefined; automount: boolean | undefined }>();
  readonly #isOn: boolean;

  constructor(isOn: boolean) {
    this.#isOn = isOn;
  }

  of(view: ClusterView, { desired }: PodCase): Pod | undefined {
    const pod = desired?.object as Pod | undefined;
    if (pod === undefined || !this.#isOn) return pod;
    const account = configSource(view, pod.metadata.namespace ?? '').account(accountOf(pod.spec));
    const before = this.#known.get(pod);
    if (before !== undefined && before.uid === account?.uid && before.automount === account?.automount) return before.pod;
    const made = withAccountVolume(pod, account);
    this.#known.set(pod, { pod: made, uid: account?.uid, automount: account?.automount });
    return made;
  }
}
