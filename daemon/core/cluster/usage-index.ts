import type { PodUsage, UsageReport } from '../../../protocol/observed.ts';

/** What nodes say that they and their pods use. */
export class UsageIndex {
  private readonly reports = new Map<string, { report: UsageReport; pods: Map<string, PodUsage> }>();

  /** @returns uids of the pods that it told of before, or tells of now */
  replace(node: string, report: UsageReport | undefined): Set<string> {
    const before = this.reports.get(node)?.pods.keys() ?? [];
    const pods = new Map((report?.pods ?? []).map((pod) => [pod.uid, pod]));
    if (report === undefined) this.reports.delete(node);
    else this.reports.set(node, { report, pods });
    return new Set([...before, ...pods.keys()]);
  }

  get(node: string): UsageReport | undefined {
    return this.reports.get(node)?.report;
  }

  ofPod(uid: string, node: string): PodUsage | undefined {
    return this.reports.get(node)?.pods.get(uid);
  }
}
