import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { defineConfig } from 'vitest/config';

/** The long ones, in this order, before all others. */
const FIRST = ['three-hosts', 'hardship', 'two-hosts'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const index = FIRST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return index < 0 ? FIRST.length : index;
    };
    return Promise.resolve([...files].sort((left, right) => place(left) - place(right)));
  }
}

/** Labs of real hosts and engines: two files at a time. Each lab is a world of its own, and waits more than it works; only the processors are shared. */
export default defineConfig({
  test: {
    setupFiles: ['./protocol/polyfill.ts'],
    globalSetup: ['./test/lab/set-up.ts'],
    include: ['test/lab/**/*.test.ts'],
    testTimeout: 240_000,
    hookTimeout: 180_000,
    maxWorkers: 2,
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
  },
});
