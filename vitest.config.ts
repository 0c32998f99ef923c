import { defineConfig } from 'vitest/config';

const shared = { pool: 'forks', testTimeout: 120_000, hookTimeout: 120_000 } as const;
/** Specs that run what is compiled: the server, or the store, whose writer is a thread of its own. */
const NEEDS_BUILD = ['test/e2e/**/*.spec.ts', 'test/contracts/sqlite*.spec.ts'];
const KILLS = ['test/faults/**/*.spec.ts'];

// Decorator metadata needs no plugin: Vite's compiler takes it from tsconfig.json (test/architecture/injection.spec.ts).
export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default', './test/support/count-reporter.ts'],
    // Projects, so that a unit test never waits for a build.
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['src/**/*.spec.ts', 'test/**/*.spec.ts', 'probe.spec.ts'],
          exclude: [...NEEDS_BUILD, ...KILLS],
        },
      },
      {
        test: {
          ...shared,
          name: 'built',
          include: NEEDS_BUILD,
          globalSetup: './test/support/global-setup.ts',
        },
      },
      {
        test: {
          ...shared,
          name: 'faults',
          include: KILLS,
          globalSetup: './test/support/global-setup.ts',
          // Where a kill strikes is up to the scheduler. A run in which the rare paths did not occur is refused by the
          // checker, and made once more before it counts as failed. What a run did find is never given a second chance.
          retry: { count: 1, condition: /^this run never came to/ },
        },
      },
    ],
  },
});
