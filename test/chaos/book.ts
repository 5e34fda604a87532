/**
 * What was written through the storm, and what may be read after it. A field's value is a name that no two writes share; each write remembers the value that its
 * author's peer showed just before. A value that an acknowledged write had seen is superseded by it for ever, whatever else was written elsewhere at the same time.
 */
export type Outcome =
  | 'acknowledged'
  /** Refused: it is nowhere. */
  | 'refused'
  /** No answer: it may be there or not, now or later. */
  | 'unknown';

interface Write {
  value: string;
  saw: string | undefined;
  outcome: Outcome;
}

interface Life {
  key: string;
  /** `unknown`: not seen in an answer, only in what was read later. */
  created: Outcome;
  deletions: Outcome[];
  fields: Map<string, Write[]>;
}

/** What a peer shows of an object: its fields' values by name. */
export interface Shown {
  key: string;
  uid: string;
  fields: ReadonlyMap<string, string>;
}

export class Book {
  readonly #lives = new Map<string, Life>();
  /** Keys with a creation that nobody answered: an object of unknown uid may be there. */
  readonly #unanswered = new Set<string>();
  #writes = 0;

  /** Writes that were acknowledged so far. */
  get acknowledged(): number {
    return this.#writes;
  }

  created(key: string, uid: string | undefined, outcome: Outcome, fields: ReadonlyMap<string, string>): void {
    if (outcome === 'refused') return;
    if (uid === undefined) return void this.#unanswered.add(key);
    const life = this.#life(key, uid);
    life.created = outcome;
    for (const [field, value] of fields) this.#note(life, field, { value, saw: undefined, outcome });
    if (outcome === 'acknowledged') this.#writes += 1;
  }

  deleted(key: string, uid: string, outcome: Outcome): void {
    if (outcome === 'refused') return;
    this.#life(key, uid).deletions.push(outcome);
    if (outcome === 'acknowledged') this.#writes += 1;
  }

  wrote(key: string, uid: string, field: string, write: Write): void {
    if (write.outcome === 'refused') return;
    this.#note(this.#life(key, uid), field, write);
    if (write.outcome === 'acknowledged') this.#writes += 1;
  }

  /** @returns what is wrong with what is shown now that all is calm */
  check(shown: readonly Shown[]): string[] {
    const present = new Map(shown.map((object) => [object.uid, object]));
    const wrong = shown
      .filter(({ key, uid }) => !this.#lives.has(uid) && !this.#unanswered.has(key))
      .map(({ key }) => `${key} is there and nobody made it`);
    for (const [uid, life] of this.#lives) {
      const object = present.get(uid);
      if (object === undefined) {
        if (life.created === 'acknowledged' && life.deletions.length === 0)
          wrong.push(`${life.key} (${uid}) was made, acknowledged, not deleted, and is gone`);
      } else if (life.deletions.includes('acknowledged')) wrong.push(`${life.key} (${uid}) was deleted, acknowledged, and is there`);
      else wrong.push(...checkFields(life, object));
    }
    return wrong;
  }

  /** What is shown when all is calm and checked is from now on as certain as what was acknowledged; the way there is forgotten. */
  settle(shown: readonly Shown[]): void {
    for (const life of this.#lives.values()) {
      life.fields.clear();
      life.deletions = ['acknowledged'];
    }
    for (const { key, uid, fields } of shown) {
      const life = this.#life(key, uid);
      life.created = 'acknowledged';
      life.deletions = [];
      for (const [field, value] of fields) this.#note(life, field, { value, saw: undefined, outcome: 'acknowledged' });
    }
    this.#unanswered.clear();
  }

  #life(key: string, uid: string): Life {
    const known = this.#lives.get(uid);
    if (known !== undefined) return known;
    const life: Life = { key, created: 'unknown', deletions: [], fields: new Map() };
    this.#lives.set(uid, life);
    return life;
  }

  #note(life: Life, field: string, write: Write): void {
    life.fields.set(field, [...(life.fields.get(field) ?? []), write]);
  }
}

function checkFields(life: Life, object: Shown): string[] {
  const wrong: string[] = [];
  for (const [field, writes] of life.fields) {
    const value = object.fields.get(field);
    const superseded = supersededBy(writes);
    const by = value === undefined ? undefined : superseded.get(value);
    if (by !== undefined)
      wrong.push(`${life.key} ${field} is ${value}, which the author of ${by} (acknowledged) had seen: that write is lost`);
    else if (
      value === undefined ? writes.some(({ outcome }) => outcome === 'acknowledged') : !writes.some((write) => write.value === value)
    )
      wrong.push(
        `${life.key} ${field} is ${value ?? 'absent'}, which nobody wrote; written were ${writes.map((write) => `${write.value} (${write.outcome})`).join(', ')}`,
      );
  }
  return wrong;
}

/** Values that an acknowledged write replaced, directly or through what its author saw, and that write's value. */
function supersededBy(writes: readonly Write[]): Map<string, string> {
  const sawOf = new Map(writes.map(({ value, saw }) => [value, saw]));
  const superseded = new Map<string, string>();
  for (const { value, outcome } of writes) {
    if (outcome !== 'acknowledged') continue;
    for (let saw = sawOf.get(value); saw !== undefined && !superseded.has(saw); saw = sawOf.get(saw)) superseded.set(saw, value);
  }
  return superseded;
}
