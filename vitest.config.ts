import { defineConfig } from 'vitest/config';

const shared = { pool: 'forks', testTimeout: 120_000, hookTimeout: 120_000 } as const;
/** Specs that run what is compiled: the server, or the store, whose writer is a thread of its own. */
const NEEDS_BUILD = ['test/e2e/**/*.spec.ts', 'test/contracts/sqlite*.spec.ts'];
const KILLS = ['test/faults/**/*.spec.ts'];
/**
 * Deployments of many processes, over services that each spec starts for itself, because it will kill them. With LONG=1, as
 * `npm run test:chaos` sets it, faults and batches are longer.
 */
const DEPLOYMENTS = ['test/distributed/**/*.spec.ts'];
/** About the folder of an embedded server, or about no server: there is nothing of it to test over services. */
const ONLY_EMBEDDED = [
  'test/e2e/cli-backup.spec.ts',
  'test/e2e/cli-doctor.spec.ts',
  'test/e2e/cli.spec.ts',
  'test/e2e/data-folder.spec.ts',
  'test/e2e/demo.spec.ts',
  'test/e2e/ensure-services.spec.ts',
  'test/e2e/production-install.spec.ts',
  'test/faults/disk-full.spec.ts',
  'test/faults/disk-space.spec.ts',
  'test/faults/fsync.spec.ts',
  'test/faults/redis.spec.ts',
  'test/faults/s3-blobs.spec.ts',
  'test/faults/same-folder.spec.ts',
  'test/faults/store-damage.spec.ts',
];
/** About the services themselves: there are none to test without. */
const ONLY_DISTRIBUTED = ['test/e2e/doctor-distributed.spec.ts', 'test/e2e/event-bus.spec.ts', 'test/e2e/move.spec.ts'];
const SERVICES = './test/support/services/shared-services.ts';
// Where a kill strikes is up to the scheduler. A run in which the rare paths did not occur is refused by the checker, and
// made once more before it counts as failed. What a run did find is never given a second chance.
const VACUOUS = { count: 1, condition: /^this run never came to/ };

// Decorator metadata needs no plugin: Vite's compiler takes it from tsconfig.json (test/architecture/injection.spec.ts).
export default defineConfig({
  test: {
    maxWorkers: 3,
    reporters: ['default', './test/support/count-reporter.ts'],
    // Projects, so that a unit test never waits for a build. With `isolate: false` a worker loads each module once instead of
    // once for each spec, which takes half the time; specs that kill and freeze things get a worker of their own.
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          isolate: false,
          include: ['src/**/*.spec.ts', 'test/**/*.spec.ts'],
          exclude: [...NEEDS_BUILD, ...KILLS, ...DEPLOYMENTS],
        },
      },
      {
        test: {
          ...shared,
          name: 'built',
          isolate: false,
          include: NEEDS_BUILD,
          exclude: ONLY_DISTRIBUTED,
          globalSetup: './test/support/global-setup.ts',
        },
      },
      {
        test: {
          ...shared,
          name: 'faults',
          include: KILLS,
          globalSetup: './test/support/global-setup.ts',
          retry: VACUOUS,
        },
      },
      // The same specs once more, over MariaDB, Redis and the stand-in for S3.
      {
        test: {
          ...shared,
          name: 'built distributed',
          isolate: false,
          include: ['test/e2e/**/*.spec.ts'],
          exclude: ONLY_EMBEDDED,
          globalSetup: SERVICES,
        },
      },
      {
        test: {
          ...shared,
          name: 'faults distributed',
          include: KILLS,
          exclude: ONLY_EMBEDDED,
          globalSetup: SERVICES,
          retry: VACUOUS,
        },
      },
      {
        test: {
          ...shared,
          name: 'distributed',
          include: DEPLOYMENTS,
          globalSetup: './test/support/global-setup.ts',
          retry: VACUOUS,
        },
      },
    ],
  },
});
