import type { GuardedPod, ProcessMarks } from '../../ports/guard.ts';

/** More pods that run at most once than a node has room for. */
const MAX_PODS = 5_000;
/** Attempts of all containers of a pod; older ones have ended and are forgotten first. */
const MAX_MARKS = 32;

/** Each look at what is over reads all of /proc: often at first, … */
const EAGER_MS = 2_000;
/** … and then so often. */
const PATIENT_MS = 2_000;

export interface Entry extends GuardedPod {
  marks: ProcessMarks[];
  expiredAt: number;
  checkedAt: number;
}

const FRESH = { expired: false, expiredAt: 0, checkedAt: 0 };

/** What the guard knows. A pod whose time is over stays so, and what starts late under its marks is killed, until the daemon says that it is settled. */
export class GuardTable {
  readonly #entries = new Map<string, Entry>();

  /** The next moment at which there is something to do; `Infinity`: never. Looked at twenty times a second. */
  nextAt = Number.POSITIVE_INFINITY;

  /** Nothing is guarded, or nothing any more. */
  isOver = true;

  all(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  get(uid: string): Entry | undefined {
    return this.#entries.get(uid);
  }

  /** @returns why not */
  arm({ uid, resource, term, deadline }: Omit<GuardedPod, 'expired'>, now: number): string | undefined {
    const known = this.#entries.get(uid);
    if (known?.expired === true) return 'its time was over';
    if (deadline <= now) return 'the deadline has passed';
    if (known === undefined && this.#entries.size >= MAX_PODS) return `${MAX_PODS} pods are guarded already`;
    this.#entries.set(uid, {
      uid,
      resource,
      term,
      deadline: Math.max(deadline, known?.deadline ?? 0),
      ...FRESH,
      marks: known?.marks ?? [],
    });
    this.#count();
    return undefined;
  }

  /** @returns why not */
  mark(uid: string, marks: ProcessMarks, now: number): string | undefined {
    const known = this.#entries.get(uid);
    if (known === undefined || known.expired || known.deadline <= now) return 'its time is over';
    known.marks = [...known.marks.filter((other) => JSON.stringify(other) !== JSON.stringify(marks)), marks].slice(-MAX_MARKS);
    return undefined;
  }

  expire(uid: string, now: number): void {
    const known = this.#entries.get(uid);
    if (known !== undefined) Object.assign(known, { expired: true, expiredAt: now, checkedAt: 0 });
    this.#count();
  }

  /** Those whose time is over since the last call. */
  due(now: number): readonly Entry[] {
    const over = this.all().filter((entry) => !entry.expired && entry.deadline <= now);
    for (const { uid } of over) this.expire(uid, now);
    return over;
  }

  /** Of those whose time is over the ones that it is worth looking for processes of. */
  toCheck(now: number): readonly Entry[] {
    const due = this.all().filter(
      ({ expired, expiredAt, checkedAt }) => expired && (now < expiredAt + EAGER_MS || now >= checkedAt + PATIENT_MS),
    );
    for (const entry of due) entry.checkedAt = now;
    this.#count();
    return due;
  }

  forget(uid: string): void {
    this.#entries.delete(uid);
    this.#count();
  }

  #count(): void {
    this.nextAt = Number.POSITIVE_INFINITY;
    this.isOver = true;
    for (const { expired, deadline, expiredAt, checkedAt } of this.#entries.values()) {
      const isEager = checkedAt < expiredAt + EAGER_MS;
      const at = !expired ? deadline : isEager ? checkedAt : checkedAt + PATIENT_MS;
      if (at < this.nextAt) this.nextAt = at;
      if (!expired) this.isOver = false;
    }
  }
}
