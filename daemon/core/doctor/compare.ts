/** What is wrong between hosts: what each tells of itself, beside what the others tell. Pure. */
import type { DoctorCheck, Examination, Finding } from '../../../protocol/doctor.ts';

/** ms by which clocks may differ: leases and certificates bear more, people who read logs do not. */
export const MAX_CLOCK_DIFFERENCE_MS = 1_000;

export interface Told {
  examination: Examination;
  /** Its wall clock less ours, ms, and how far off that may be: half of the round trip. */
  clock: { differenceMs: number; uncertainMs: number };
  /** Buckets of desired state that stayed different while they were compared again and again. */
  differingBuckets: number;
}

/** @param asked the node that asks, which is compared with */
export function compareHosts(asked: string, all: readonly Told[]): Finding[] {
  return [...clockFindings(asked, all), ...versionFindings(all), ...stateFindings(asked, all), ...subnetFindings(asked, all)];
}

/** Of many clocks those are wrong that are far from the middle one; of two nobody can say. */
function clockFindings(asked: string, all: readonly Told[]): Finding[] {
  const middle = median(all.map(({ clock }) => clock.differenceMs));
  return all.flatMap(({ examination: { node }, clock }) => {
    const offMs = clock.differenceMs - middle;
    if (Math.abs(offMs) - clock.uncertainMs <= MAX_CLOCK_DIFFERENCE_MS) return [];
    const seconds = `${(Math.abs(offMs) / 1000).toFixed(1)} s ${offMs > 0 ? 'ahead of' : 'behind'}`;
    return [
      finding(
        node,
        'clock',
        `its clock is ${seconds} ${all.length > 2 ? "the other hosts'" : `that of ${asked === node ? 'the other host' : asked}`}`,
        {
          fix: 'have the hosts keep time together (chronyd, systemd-timesyncd): timedatectl set-ntp true',
        },
      ),
    ];
  });
}

function versionFindings(all: readonly Told[]): Finding[] {
  const counts = new Map<string, number>();
  for (const { examination } of all) counts.set(examination.version, (counts.get(examination.version) ?? 0) + 1);
  const [most] = [...counts].sort(([left, a], [right, b]) => b - a || (left < right ? 1 : -1))[0] ?? [''];
  return all
    .filter(({ examination }) => examination.version !== most)
    .map(({ examination: { node, version } }) =>
      finding(node, 'version', `it runs ${version}, most others ${most}`, {
        fix: 'finish the update: install the same release on all hosts and restart kithd, one host after the other',
      }),
    );
}

function stateFindings(asked: string, all: readonly Told[]): Finding[] {
  return all
    .filter(({ examination, differingBuckets }) => differingBuckets > 0 && examination.complete)
    .map(({ examination: { node }, differingBuckets }) =>
      finding(node, 'state', `its desired state stays different from that of ${asked} in ${differingBuckets} of 256 parts`, {
        fix: `"kith peers" shows how far it is behind; if it does not catch up, the two can not reach each other, or one's disk is full: see the other findings, and restart kithd on ${node}`,
      }),
    );
}

function subnetFindings(asked: string, all: readonly Told[]): Finding[] {
  const own = all.find(({ examination }) => examination.node === asked)?.examination.subnets;
  if (own === undefined) return [];
  return all.flatMap(({ examination: { node, subnets, complete }, differingBuckets }) => {
    // What follows from another state, or from none yet, is told as such.
    if (!complete || differingBuckets > 0) return [];
    const differing = Object.keys({ ...own, ...subnets }).filter((name) => own[name] !== subnets[name]);
    if (differing.length === 0) return [];
    return [
      finding(node, 'network', `it believes in other pod subnets than ${asked}, of ${differing.join(', ')}`, {
        fix: `restart kithd on ${node}`,
      }),
    ];
  });
}

function finding(node: string, check: DoctorCheck, what: string, { fix }: { fix: string }): Finding {
  return { node, check, what, fix };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
