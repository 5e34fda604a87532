import type { PodReport } from '../../../protocol/observed.ts';
import { LayeredMap } from './layered-map.ts';

/** What one node says of a pod, in the incarnation in which it said so. */
export interface Reported {
  readonly node: string;
  readonly report: PodReport;
  readonly incarnation: number;
}

const NOTHING: readonly Reported[] = [];

/** Reports by pod: of nearly all pods one node speaks. */
export class PodReports {
  private readonly ofPods: LayeredMap<string, readonly Reported[]>;
  private readonly ended: Set<string>;

  /** @param from of a peer that has heard the same: what they have in common is kept once */
  constructor(from?: PodReports) {
    this.ofPods = from?.ofPods.fork() ?? new LayeredMap();
    this.ended = new Set(from?.ended);
  }

  /** By any node. */
  hasEnded(uid: string): boolean {
    return this.ended.has(uid);
  }

  get(uid: string, node: string): Reported | undefined {
    const said = this.ofPods.get(uid) ?? NOTHING;
    return said[0]?.node === node ? said[0] : said.find((each) => each.node === node);
  }

  set(uid: string, reported: Reported): void {
    const said = this.ofPods.get(uid) ?? NOTHING;
    const others = said.filter(({ node }) => node !== reported.node);
    this.keep(uid, others.length === 0 ? [reported] : [...others, reported]);
  }

  delete(uid: string, node: string): void {
    const said = this.ofPods.get(uid) ?? NOTHING;
    const left = said.filter((each) => each.node !== node);
    if (left.length < said.length) this.keep(uid, left);
  }

  private keep(uid: string, said: readonly Reported[]): void {
    if (said.length === 0) this.ofPods.delete(uid);
    else this.ofPods.set(uid, said);
    if (said.some(({ report: { status } }) => status.phase === 'Succeeded' || status.phase === 'Failed')) this.ended.add(uid);
    else this.ended.delete(uid);
  }
}
