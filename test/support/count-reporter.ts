import type { SerializedError } from 'vitest';
import type { Reporter, TestModule } from 'vitest/node';

/** What `npm test` prints last, and whether it is good news. */
interface Verdict {
  line: string;
  isGood: boolean;
}

/**
 * Ends a run with `N passed, N failed`; skipped tests are named if there are any.
 *
 * A file that does not load, a suite whose hook throws and an error outside any test are one failure each, so the line
 * never reads better than the run was. A run without tests is not good.
 */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const verdict = countTests(modules, unhandledErrors.length);
    if (!verdict.isGood) process.exitCode = 1;
    // Under scripts/run-tests.js the parent prints it, after everything that vitest has to say.
    if (process.send) process.send(verdict);
    else console.log(verdict.line);
  }
}

function countTests(modules: readonly TestModule[], unhandledErrors: number): Verdict {
  const count = { passed: 0, failed: unhandledErrors, skipped: 0 };
  for (const module of modules) {
    for (const suite of [module, ...module.children.allSuites()]) if (suite.errors().length > 0) count.failed += 1;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      // Pending at the end: its process died under it.
      count[state === 'pending' ? 'failed' : state] += 1;
    }
  }
  const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
  return {
    line: `${count.passed} passed, ${count.failed} failed${skipped}`,
    isGood: count.failed === 0 && count.passed > 0,
  };
}
