import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    setupFiles: ['./protocol/polyfill.ts'],
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**', 'test/lab/**', 'node_modules/**'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    pool: 'forks',
  },
});
