import type { PodUsage, UsageReport } from '../../../protocol/observed.ts';

/** What nodes say that they and their pods use. */
export class UsageIndex {
  private readonly reports = new Map<string, UsageReport>();

  /** @returns uids of the pods that it told of before, or tells of now */
  replace(node: string, report: UsageReport | undefined): Set<string> {
    const before = this.reports.get(node)?.pods ?? [];
    if (report === undefined) this.reports.delete(node);
    else this.reports.set(node, report);
    return new Set([...before, ...(report?.pods ?? [])].map(({ uid }) => uid));
  }

  get(node: string): UsageReport | undefined {
    return this.reports.get(node);
  }

  /** A node has some hundred pods at most. */
  ofPod(uid: string, node: string): PodUsage | undefined {
    return this.reports.get(node)?.pods.findLast((pod) => pod.uid === uid);
  }
}
