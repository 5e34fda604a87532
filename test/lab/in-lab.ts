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

/** Tests that go on one after the other on a cluster that is there already: see {@link inLab}. */
export type Story = (cluster: LabCluster) => void;

export function story(title: string, tests: Story): Story {
  return (cluster) => {
    describe(title, () => {
      beforeAll(async () => cluster.clear());
      tests(cluster);
    });
  };
}

export interface StoryOptions extends LabOptions {
  /** What daemons have to log as errors in these stories. */
  expectedErrors?: RegExp;
}

/**
 * Stories on one lab of so many hosts, since a lab takes longer to make than most of them do to tell. Each finds the cluster whole and empty; what the last one leaves
 * goes with the lab. When a test fails, the logs of all daemons are shown.
 */
export function inLab(name: string, hosts: number, stories: readonly Story[], options: StoryOptions = {}): void {
  describeInLab(name, () => {
    const cluster = new LabCluster(async () => {
      const lab = await createLab(hosts, options);
      await lab.startCluster();
      return lab;
    });
    beforeAll(async () => cluster.renew());
    afterEach(({ task }) => {
      if (task.result?.state === 'fail') cluster.showLogs();
    });
    afterAll(async () => {
      const errors = cluster.errorsLogged().filter((line) => options.expectedErrors?.test(line) !== true);
      await cluster.close();
      // An ERROR in the log of a daemon is a bug or a damaged disk, whatever else went well.
      expect(errors).toEqual([]);
    });
    for (const tests of stories) tests(cluster);
  });
}
