import { defineConfig } from 'vitest/config';

const shared = { pool: 'forks', testTimeout: 120_000, hookTimeout: 120_000 } as const;
/** Specs that run what is compiled: the server, or the store, whose writer is a thread of its own. */
const NEEDS_BUILD = ['test/e2e/**/*.spec.ts', 'test/faults/**/*.spec.ts', 'test/contracts/sqlite*.spec.ts'];

// Decorator metadata needs no plugin: Vite's compiler takes it from tsconfig.json (test/architecture/injection.spec.ts).
export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default', './test/support/count-reporter.ts'],
    // Two projects, so that a unit test never waits for a build.
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['src/**/*.spec.ts', 'test/**/*.spec.ts'],
          exclude: NEEDS_BUILD,
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
    ],
  },
});
