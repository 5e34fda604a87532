import { compareTables } from '../../core/network/compare-tables.ts';
import type { PacketFilter } from '../../ports/packet-filter.ts';

/** How a table in the kernel differs from what a script would make of it: as the kernel itself would tell both. @throws KithError `FilterRefused` */
export async function tableDifferences(filter: PacketFilter, script: string, table: string, signal?: AbortSignal): Promise<string[]> {
  const present = await filter.read(table, signal);
  if (present === undefined) return [`table ip ${table} is missing`];
  return compareTables(await filter.rehearse(script, table, signal), present);
}
