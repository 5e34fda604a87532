import { labAvailable, machineLacks } from './available.ts';
import { ensureSupplies } from './supplies.ts';

/** Before all tests of the lab: makes what they need, so that they are not skipped for want of it. */
export async function setup(): Promise<void> {
  if (machineLacks() !== undefined || labAvailable() === undefined) return;
  await ensureSupplies().catch((error: unknown) => process.stderr.write(`kith: ${(error as Error).message}\n`));
}
