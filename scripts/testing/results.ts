/** How much of a run passed; what `npm test` adds up. */
export interface Count {
  passed: number;
  failed: number;
  /** Full names of tests that did not run. */
  skipped: string[];
}

/** The parts of vitest's JSON report that are read here. */
export interface VitestReport {
  testResults: {
    name: string;
    status: string;
    assertionResults: { status: string; fullName: string }[];
  }[];
}

/**
 * Counts a vitest run. A file that failed without a failed test (it does not load, it leaked, its hook threw) counts
 * as one failure; so does a run that ended badly though every test passed (an unhandled error, a crash), one
 * without a report, and one without any test.
 */
export function countVitest(report: VitestReport | undefined, exitCode: number | null): Count {
  const files = report?.testResults ?? [];
  const tests = files.flatMap(file => file.assertionResults);
  const withStatus = (status: string) => tests.filter(test => test.status === status);
  const passed = withStatus('passed').length;
  const brokenFiles = files.filter(
    file => file.status === 'failed' && !file.assertionResults.some(test => test.status === 'failed'),
  );
  const failed = withStatus('failed').length + brokenFiles.length;
  const skipped = tests.filter(test => test.status !== 'passed' && test.status !== 'failed');
  const unexplained = failed === 0 && (exitCode !== 0 || passed === 0);
  return { passed, failed: unexplained ? 1 : failed, skipped: skipped.map(test => test.fullName) };
}

/** The passwords of the tests start with this, so that one that is printed can be found. */
export const MARKER_SECRET = 'spillway-secret-';

/** The lines that show a secret, without it. */
export function linesWithSecrets(output: string): string[] {
  return output.split('\n').flatMap((line, index) => {
    const at = line.indexOf(MARKER_SECRET);
    return at === -1 ? [] : [`line ${index + 1}: ${line.slice(Math.max(0, at - 60), at)}[secret]`];
  });
}
