import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{src,test,scripts,examples,bench,chaos}/**/*.test.ts'],
    globalSetup: ['test/setup/run-folder.ts'],
    setupFiles: ['test/setup/leaks.ts'],
    // Real servers, real files and two cores: a few files at once, and each test may take its time.
    pool: 'forks',
    maxWorkers: 2,
    // A process for each of 200 files, which reads all of BullMQ again, costs a quarter of the run. No file may leave
    // anything behind anyhow: leaks.ts.
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
  },
});
