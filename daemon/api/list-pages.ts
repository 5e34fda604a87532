import type { KubeObject } from '../../protocol/objects.ts';
import type { Clock, Random } from '../ports/clock.ts';
import { ApiError } from './status.ts';

/** As long as etcd keeps history for Kubernetes. */
const KEPT_MS = 5 * 60_000;
/** Lists that are read in parts at one time; the oldest is forgotten beyond them. Each holds on to the objects as they were. */
const MAX_LISTS = 32;
const TOKEN_BYTES = 12;

interface Selected {
  items: readonly KubeObject[];
  resourceVersion: string;
}

export interface ListPage extends Selected {
  /** What the next part is asked for with; undefined in the last one. */
  continueToken: string | undefined;
  remainingItemCount: number | undefined;
}

interface KeptList extends Selected {
  /** What was asked for: a token is good for the same question only. */
  question: string;
  expiresAt: number;
}

/** Lists in parts (`limit`, `continue`): all parts show the state of the first. A token means something to the peer that gave it only. */
export class ListPages {
  private readonly deps: { clock: Clock; random: Random };
  private readonly kept = new Map<string, KeptList>();

  constructor(deps: { clock: Clock; random: Random }) {
    this.deps = deps;
  }

  first(question: string, selected: Selected, limit: number): ListPage {
    const { items, resourceVersion } = selected;
    if (limit <= 0 || items.length <= limit) return { items, resourceVersion, continueToken: undefined, remainingItemCount: undefined };
    const id = Buffer.from(this.deps.random.bytes(TOKEN_BYTES)).toString('base64url');
    this.forgetOld(MAX_LISTS - 1);
    this.kept.set(id, { ...selected, question, expiresAt: this.deps.clock.monotonic() + KEPT_MS });
    return this.part(id, { items, resourceVersion }, 0, limit);
  }

  /** @throws ApiError `Expired` for a token that is too old, or another peer's */
  next(question: string, token: string, limit: number): ListPage {
    this.forgetOld(MAX_LISTS);
    const [, id = '', offset = ''] = /^([\w-]+)\.(\d{1,9})$/.exec(token) ?? [];
    const list = this.kept.get(id);
    if (list === undefined || list.question !== question) {
      const message =
        'The provided continue parameter is too old, or another peer gave it. Restart the list without the continue parameter.';
      throw new ApiError('Expired', message);
    }
    return this.part(id, list, Number(offset), limit <= 0 ? list.items.length : limit);
  }

  private part(id: string, { items, resourceVersion }: Selected, offset: number, limit: number): ListPage {
    const end = Math.min(offset + limit, items.length);
    const done = end >= items.length;
    // Kept until it is old, so that a part can be asked for again.
    return {
      items: items.slice(offset, end),
      resourceVersion,
      continueToken: done ? undefined : `${id}.${end}`,
      remainingItemCount: done ? undefined : items.length - end,
    };
  }

  private forgetOld(atMost: number): void {
    const now = this.deps.clock.monotonic();
    for (const [id, { expiresAt }] of this.kept) if (expiresAt <= now || this.kept.size > atMost) this.kept.delete(id);
  }
}
