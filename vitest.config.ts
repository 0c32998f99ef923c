import { defineConfig } from 'vitest/config';

const shared = { pool: 'forks', testTimeout: 30_000, hookTimeout: 30_000 } as const;
/** Specs that start the compiled server. */
const WITH_SERVER = ['test/e2e/**/*.spec.ts', 'test/faults/**/*.spec.ts'];

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
          exclude: WITH_SERVER,
        },
      },
      {
        test: {
          ...shared,
          name: 'server',
          include: WITH_SERVER,
          globalSetup: './test/support/global-setup.ts',
        },
      },
    ],
  },
});
