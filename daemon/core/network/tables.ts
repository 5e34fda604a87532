/** Names of our tables of nftables: of one node alone, as several may share one kernel. */
import { createHash } from 'node:crypto';

export function serviceTable(clusterId: string, nodeName: string): string {
  return `kith_${createHash('sha256').update(`${clusterId}\0${nodeName}`).digest('hex').slice(0, 10)}`;
}

export function policyTable(table: string): string {
  return `${table}_policies`;
}

/** Those of the tables in the kernel that some kithd made, and none of these nodes. */
export function strangeTables(found: readonly string[], own: readonly string[]): string[] {
  return found.filter((table) => /^kith_[0-9a-f]{10}(?:_policies)?$/.test(table) && !own.includes(table.replace(/_policies$/, '')));
}
