import { afterAll, afterEach, beforeAll, describe, expect, type SuiteAPI } from 'vitest';
import { labAvailable } from './available.ts';
import { LabCluster } from './cluster.ts';
import { createLab } from './lab.ts';
import type { LabOptions } from './types.ts';

const missing = labAvailable();

/** `describe` for tests that need a lab: where there can be none they are skipped, and say why. */
export function describeInLab(name: string, tests: () => void): ReturnType<SuiteAPI> {
  return describe.skipIf(missing !== undefined)(missing === undefined ? name : `${name} (${missing})`, tests);
}

/** A lab of so many hosts whose cluster lives as long as the tests of a `describe`. When one fails, the logs of all daemons are shown. */
export function labCluster(hosts: number, options?: LabOptions): LabCluster {
  const cluster = new LabCluster();
  beforeAll(async () => {
    cluster.open(await createLab(hosts, options));
    await cluster.lab.startCluster();
  });
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') cluster.showLogs();
  });
  afterAll(async () => {
    const errors = cluster.errorsLogged();
    await cluster.close();
    // An ERROR in the log of a daemon is a bug or a damaged disk, whatever else went well.
    expect(errors).toEqual([]);
  });
  return cluster;
}
