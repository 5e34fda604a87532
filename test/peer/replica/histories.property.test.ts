import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AutomergeDocuments } from '../../../daemon/adapters/automerge/documents.ts';
import { compareEpochs } from '../../../daemon/core/desired/epochs.ts';
import { bucketOf } from '../../../daemon/core/desired/digest.ts';
import type { Documents } from '../../../daemon/ports/documents.ts';
import { MAX_PAST_EPOCHS } from '../../../protocol/wire/limits.ts';
import type { ReplicaVersion } from '../../../protocol/desired.ts';
import { LightDocuments } from '../../simulator/light-documents.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { createWeb, deploymentKey, makeReplica } from '../../support/replica-world.ts';
import type { TestReplica } from '../../support/replica-world.ts';

const REPLICAS = 3;
const KEY = deploymentKey('web');
/** Every history is too long. */
const HASTE = { changes: 1, bytes: Infinity, times: 0, restMs: 0, restlessTimes: Infinity };
const RESTLESS = { ...HASTE, restMs: Infinity, restlessTimes: 1 };
/** Which of the replicas does it. */
const CUTTER = 0;
const NEVER = { ...HASTE, changes: Infinity };

type Step =
  | { do: 'edit'; at: number; field: 'replicas' | 'image' | 'label'; value: number }
  | { do: 'send'; from: number; to: number }
  | { do: 'report'; from: number; to: number }
  | { do: 'cut'; at: number }
  | { do: 'restart'; at: number };

const place = fc.integer({ min: 0, max: REPLICAS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('edit' as const),
      at: place,
      field: fc.constantFrom('replicas' as const, 'image' as const, 'label' as const),
      value: fc.integer({ min: 0, max: 3 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('send' as const), from: place, to: place }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('report' as const), from: place, to: place }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('cut' as const), at: place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), at: place }) },
);
/** Between the random ones: all get the same, say so, and somebody cuts. */
const everybody = [0, 1, 2].flatMap((at) => [0, 1, 2].map((other) => [at, other] as const)).filter(([at, other]) => at !== other);
const agreement = fc
  .tuple(place, fc.array(step, { maxLength: 3 }))
  .map(([at, meanwhile]): Step[] => [
    ...everybody.map(([from, to]): Step => ({ do: 'send', from, to })),
    ...everybody.map(([from, to]): Step => ({ do: 'send', from, to })),
    ...everybody.map(([from, to]): Step => ({ do: 'report', from, to })),
    ...meanwhile,
    { do: 'cut', at },
  ]);
const story = fc.array(fc.oneof({ weight: 5, arbitrary: step.map((one) => [one]) }, { weight: 1, arbitrary: agreement }), {
  maxLength: 30,
});

/** Three replicas that hold one Deployment. */
class Side {
  readonly peers: TestReplica[] = [];
  readonly names = Array.from({ length: REPLICAS }, (_, at) => `peer-${at}`);
  cuts = 0;
  private readonly documents: Documents;
  private readonly histories: typeof HASTE;
  private starts = 0;

  constructor(documents: Documents, histories: typeof HASTE) {
    this.documents = documents;
    this.histories = histories;
  }

  async begin(): Promise<void> {
    for (let at = 0; at < REPLICAS; at += 1) this.peers.push(await this.start(at, new MemoryStore()));
    await createWeb(this.peer(0).replica);
    for (let at = 1; at < REPLICAS; at += 1) await this.send(0, at);
  }

  /** The later epoch, of the two, is the sender's: otherwise the sender needs it first. */
  sendsBackwards(from: number, to: number): boolean {
    return compareEpochs(this.version(from).epoch, this.version(to).epoch) < 0;
  }

  async send(from: number, to: number): Promise<void> {
    const envelope = await this.peer(from).replica.changesSince([this.version(to)], 50_000_000);
    const { refused, missing } = await this.peer(to).replica.merge(envelope);
    expect({ refused, missing }).toEqual({ refused: [], missing: [] });
  }

  async edit({ at, field, value }: Extract<Step, { do: 'edit' }>): Promise<void> {
    const { replica } = this.peer(at);
    const { uid, object } = replica.get(KEY)!;
    const { labels: held, ...metadata } = object.metadata;
    const { [`by-${value}`]: _gone, ...labels } = held ?? {};
    const spec = object['spec'] as Record<string, unknown>;
    // A label that is there is taken away.
    const label = held?.[`by-${value}`] === undefined ? { [`by-${value}`]: `peer-${at}` } : {};
    const next = {
      replicas: { ...object, spec: { ...spec, replicas: value } },
      image: { ...object, spec: { ...spec, template: { image: `image-${value}-of-${at}` } } },
      label: { ...object, metadata: { ...metadata, labels: { ...labels, ...label } } },
    }[field];
    await replica.write([{ type: 'update', key: KEY, uid, base: object, next }]);
  }

  report(from: number, to: number): void {
    this.peer(to).replica.reportVersions(this.names[from]!, [this.version(from)]);
  }

  async cut(at: number): Promise<void> {
    this.cuts += await this.peer(at).replica.cutHistories(
      this.names.filter((_, other) => other !== at),
      0,
    );
  }

  /** One that no other writes. */
  async say(at: number, word: string): Promise<void> {
    const { replica } = this.peer(at);
    const { uid, object } = replica.get(KEY)!;
    const labels = { ...object.metadata.labels, [`of-${at}`]: word };
    await replica.write([{ type: 'update', key: KEY, uid, base: object, next: { ...object, metadata: { ...object.metadata, labels } } }]);
  }

  /** What the label of a peer is, or might be. */
  words(at: number): unknown[] {
    const { object, conflicts } = this.peer(0).replica.get(KEY)!;
    const path = `/metadata/labels/of-${at}`;
    return [object.metadata.labels?.[`of-${at}`], ...conflicts.filter((each) => each.path === path).flatMap(({ losers }) => losers)];
  }

  async sendEither(from: number, to: number): Promise<void> {
    if (this.sendsBackwards(from, to)) await this.send(to, from);
    await this.send(from, to);
  }

  /** Nobody may be behind by more than is remembered. */
  async cutAlone(at: number): Promise<void> {
    const numbers = this.names.map((_, other) => this.version(other).epoch?.number ?? 0);
    if (numbers[at]! - Math.min(...numbers) > MAX_PAST_EPOCHS - 1) return;
    this.cuts += await this.peer(at).replica.cutHistories([], 0);
  }

  async restart(at: number): Promise<void> {
    const { replica, store } = this.peer(at);
    await replica.stop();
    await store.close();
    this.peers[at] = await this.start(at, store);
  }

  shown(at: number): object {
    const { life, object, conflicts } = this.peer(at).replica.get(KEY)!;
    return { life, object, conflicts };
  }

  version(at: number): ReplicaVersion {
    return (
      this.peer(at)
        .replica.bucket(bucketOf(KEY))
        .find(({ key }) => key === KEY) ?? { key: KEY, life: 0, buried: 0, heads: [] }
    );
  }

  private peer(at: number): TestReplica {
    return this.peers[at]!;
  }

  private start(at: number, store: MemoryStore): Promise<TestReplica> {
    this.starts += 1;
    // Equal in both worlds: which of two values of equal age is shown follows from it.
    const actor = `${at}${this.starts}`.padEnd(32, '0');
    return makeReplica({ actor, histories: this.histories }, store, this.documents);
  }
}

const kinds: readonly [string, () => Documents][] = [
  ['Automerge', () => new AutomergeDocuments()],
  ['the light documents', () => new LightDocuments()],
];

describe.each(kinds)('histories that are cut while all sorts of things happen, with %s', (_name, documents) => {
  it('show at every peer and at every moment what they would have shown uncut', async () => {
    let cuts = 0;
    await fc.assert(
      fc.asyncProperty(story, async (steps) => {
        const [plain, cut] = [new Side(documents(), NEVER), new Side(documents(), HASTE)];
        await Promise.all([plain.begin(), cut.begin()]);
        for (const each of steps.flat()) {
          await take(each, plain, cut);
          for (let at = 0; at < REPLICAS; at += 1) expect(cut.shown(at)).toEqual(plain.shown(at));
        }
        for (const [from, to] of [...everybody, ...everybody]) await take({ do: 'send', from, to }, plain, cut);
        for (let at = 0; at < REPLICAS; at += 1) {
          expect(cut.version(at)).toEqual(cut.version(0));
          expect(cut.shown(at)).toEqual(plain.shown(at));
        }
        cuts += cut.cuts;
      }),
      { numRuns: 60 },
    );
    expect(cuts).toBeGreaterThan(20);
  }, 60_000);
});

describe.each(kinds)('histories that are cut by peers that ask nobody, with %s', (_name, documents) => {
  it('cost no last word, and all peers come to hold the same', async () => {
    let cuts = 0;
    await fc.assert(
      fc.asyncProperty(story, async (steps) => {
        const side = new Side(documents(), HASTE);
        await side.begin();
        const last = new Map<number, string>();
        for (const [index, each] of steps.flat().entries()) {
          const at = each.do === 'edit' || each.do === 'cut' ? each.at : 0;
          if (each.do === 'edit') {
            last.set(at, `word-${index}`);
            await side.say(at, `word-${index}`);
          } else if (each.do === 'send') {
            if (each.from !== each.to) await side.sendEither(each.from, each.to);
          } else if (each.do === 'cut') {
            await side.cutAlone(at);
          }
        }
        for (const [from, to] of [...everybody, ...everybody, ...everybody]) await side.sendEither(from, to);
        for (let at = 0; at < REPLICAS; at += 1) {
          expect(side.version(at)).toEqual(side.version(0));
          expect(side.shown(at)).toEqual(side.shown(0));
        }
        for (const [at, word] of last) expect(side.words(at)).toContain(word);
        cuts += side.cuts;
      }),
      { numRuns: 60 },
    );
    expect(cuts).toBeGreaterThan(20);
  }, 60_000);
});

describe.each(kinds)(
  'histories that are cut while they are added to, as far as all have told that they hold them, with %s',
  (_name, documents) => {
    it('cost no last word, and all peers come to hold the same', async () => {
      let cuts = 0;
      await fc.assert(
        fc.asyncProperty(story, async (steps) => {
          const side = new Side(documents(), RESTLESS);
          await side.begin();
          const last = new Map<number, string>();
          for (const [index, each] of steps.flat().entries()) {
            if (each.do === 'edit') {
              last.set(each.at, `word-${index}`);
              await side.say(each.at, `word-${index}`);
            } else if (each.do === 'send') {
              if (each.from !== each.to) await side.sendEither(each.from, each.to);
            } else if (each.do === 'report') {
              if (each.from !== each.to) side.report(each.from, each.to);
            } else if (each.do === 'cut') {
              await side.cut(CUTTER);
            } else {
              await side.restart(each.at);
            }
          }
          for (const [from, to] of [...everybody, ...everybody, ...everybody]) await side.sendEither(from, to);
          for (let at = 0; at < REPLICAS; at += 1) {
            expect(side.version(at)).toEqual(side.version(0));
            expect(side.shown(at)).toEqual(side.shown(0));
          }
          // Nobody but its author writes a label, so that nothing is beside it.
          for (const [at, word] of last) expect(side.words(at)).toEqual([word]);
          cuts += side.cuts;
        }),
        { numRuns: 60 },
      );
      expect(cuts).toBeGreaterThan(20);
    }, 60_000);
  },
);

async function take(each: Step, plain: Side, cut: Side): Promise<void> {
  switch (each.do) {
    case 'edit':
      await Promise.all([plain.edit(each), cut.edit(each)]);
      return;
    case 'send': {
      const { from, to } = each;
      if (from === to) return;
      const both = cut.sendsBackwards(from, to) ? [[to, from] as const, [from, to] as const] : [[from, to] as const];
      for (const [sender, receiver] of both) await Promise.all([plain.send(sender, receiver), cut.send(sender, receiver)]);
      return;
    }
    case 'report':
      if (each.from !== each.to) cut.report(each.from, each.to);
      return;
    case 'cut':
      await cut.cut(each.at);
      return;
    case 'restart':
      await Promise.all([plain.restart(each.at), cut.restart(each.at)]);
  }
}
