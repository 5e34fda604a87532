import type { Pod } from '../../../protocol/types.ts';
import type { PodCredentials } from '../../core/reconcile/volumes/resolve.ts';
import type { AccountTokens } from '../../ports/account-tokens.ts';
import type { Clock } from '../../ports/clock.ts';

/** As kubelets: a token is renewed when four fifths of its time are over, and once a day. Source: pkg/kubelet/token/token_manager.go */
const RENEW_AFTER = 0.8;
const RENEW_AFTER_MS = 24 * 60 * 60 * 1000;

interface Held {
  token: string;
  /** Monotonic ms. */
  renewAt: number;
}

/** The tokens that pods of this node have, until they are to be renewed. In memory: after a restart of the daemon there are new ones. */
export class PodTokens {
  readonly #deps: { accounts: AccountTokens | undefined; clock: Clock };
  /** By pod uid, then by account, audience and lifetime. */
  readonly #held = new Map<string, Map<string, Held>>();

  constructor(deps: { accounts: AccountTokens | undefined; clock: Clock }) {
    this.#deps = deps;
  }

  of({ metadata }: Pod): PodCredentials | undefined {
    const { accounts, clock } = this.#deps;
    if (accounts === undefined) return undefined;
    const { name, namespace = '', uid } = metadata;
    return {
      caCertificate: accounts.caCertificate,
      token: (account, audience, lifetimeMs) => {
        const held = this.#held.get(uid) ?? new Map<string, Held>();
        this.#held.set(uid, held);
        const key = `${account.uid} ${audience} ${lifetimeMs}`;
        const now = clock.monotonic();
        const before = held.get(key);
        if (before !== undefined && now < before.renewAt) return before.token;
        const audiences = audience === '' ? [] : [audience];
        const { token } = accounts.issue({ namespace, pod: { name, uid }, account, audiences, lifetimeMs });
        held.set(key, { token, renewAt: now + Math.min(lifetimeMs * RENEW_AFTER, RENEW_AFTER_MS) });
        return token;
      },
    };
  }

  /** Monotonic ms when the first of a pod's tokens is to be renewed. */
  renewAt(podUid: string): number {
    return Math.min(Infinity, ...[...(this.#held.get(podUid)?.values() ?? [])].map(({ renewAt }) => renewAt));
  }

  forget(podUid: string): void {
    this.#held.delete(podUid);
  }
}
