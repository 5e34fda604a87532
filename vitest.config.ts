import { defineConfig } from 'vitest/config';

/** Calculates for minutes and waits for nothing. */
const SIMULATOR = 'test/simulator/**/*.test.ts';
/** What they test keeps nothing in its modules, so that these files can share a process: loading the sources takes longer than most of their tests. */
const SHARING = ['api', 'app', 'cli', 'core', 'peer', 'protocol'].map((room) => `test/${room}/**/*.test.ts`);

export default defineConfig({
  test: {
    // By default one core is left to others.
    maxWorkers: '100%',
    projects: [
      { extends: true, test: { name: 'sharing', include: SHARING, isolate: false } },
      {
        extends: true,
        test: {
          name: 'alone',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/lab/**', 'node_modules/**', SIMULATOR, ...SHARING],
        },
      },
      // Long for what takes seconds: a machine may be busy.
      { extends: true, test: { name: 'simulator', include: [SIMULATOR], testTimeout: 300_000 } },
    ],
    setupFiles: ['./protocol/polyfill.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // A second by default, which a busy machine may need for less.
    expect: { poll: { timeout: 10_000 } },
    pool: 'forks',
  },
});
