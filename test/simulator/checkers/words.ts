import type { Mutation } from '../../../protocol/desired.ts';
import { Violation } from '../checker.ts';
import type { Acknowledged, Checker } from '../checker.ts';
import type { SimHost } from '../host.ts';
import { WORD_PREFIX } from '../plots/words.ts';
import type { SimWorld } from '../world.ts';

/** Each word is one user's: what this one was told is so, whoever cut which history meanwhile. */
export class FinallyWordsAreKept implements Checker {
  readonly name = 'finallyWordsAreKept';
  /** By object and annotation; undefined once nobody can tell. */
  private readonly words = new Map<string, { key: string; name: string; value: string | undefined }>();

  onAcknowledged(_host: SimHost, { mutations, warnings }: Acknowledged): void {
    for (const mutation of mutations) {
      for (const [name, value] of wordsOf(mutation)) {
        const id = `${mutation.key} ${name}`;
        if (warnings.length > 0) this.words.delete(id);
        else this.words.set(id, { key: mutation.key, name, value });
      }
    }
  }

  atRest(world: SimWorld): void {
    for (const { node, daemon } of world.running().filter(({ isGone }) => !isGone)) {
      for (const { key, name, value } of this.words.values()) {
        const object = daemon.replica.get(key)?.object;
        if (object === undefined) continue;
        const held = object.metadata.annotations?.[name];
        if (held === value) continue;
        throw new Violation(this.name, `${key} at ${node}: ${name} was ${value ?? 'taken back'}, and is ${held ?? 'not there'}`);
      }
    }
  }
}

function wordsOf(mutation: Mutation): [name: string, value: string | undefined][] {
  if (mutation.type !== 'update') return [];
  const [before, after] = [mutation.base.metadata.annotations ?? {}, mutation.next.metadata.annotations ?? {}];
  const names = new Set([...Object.keys(before), ...Object.keys(after)].filter((name) => name.startsWith(WORD_PREFIX)));
  return [...names].filter((name) => before[name] !== after[name]).map((name) => [name, after[name]]);
}
