import { describe, expect, it } from 'vitest';
import { countVitest, linesWithSecrets, MARKER_SECRET, type VitestReport } from './results.ts';

function report(...files: [status: string, ...tests: string[]][]): VitestReport {
  return {
    testResults: files.map(([status, ...tests], file) => ({
      name: `file-${file}`,
      status,
      assertionResults: tests.map((test, index) => ({ status: test, fullName: `test ${file}.${index}` })),
    })),
  };
}

describe('countVitest', () => {
  it('counts tests', () => {
    const run = report(['passed', 'passed', 'passed'], ['failed', 'passed', 'failed']);
    expect(countVitest(run, 1)).toEqual({ passed: 3, failed: 1, skipped: [] });
  });

  it('counts a file that failed outside its tests once', () => {
    expect(countVitest(report(['failed'], ['failed', 'passed']), 1)).toMatchObject({ passed: 1, failed: 2 });
  });

  it('fails a run that ended badly though each test passed', () => {
    expect(countVitest(report(['passed', 'passed']), 1)).toMatchObject({ passed: 1, failed: 1 });
    expect(countVitest(report(['passed', 'passed']), null)).toMatchObject({ passed: 1, failed: 1 });
  });

  it('fails a run without a report and one without a test', () => {
    expect(countVitest(undefined, 1)).toMatchObject({ passed: 0, failed: 1 });
    expect(countVitest(report(), 0)).toMatchObject({ passed: 0, failed: 1 });
    expect(countVitest(report(['passed', 'skipped']), 0)).toMatchObject({ passed: 0, failed: 1 });
  });

  it('names what was skipped', () => {
    expect(countVitest(report(['passed', 'passed', 'skipped', 'todo']), 0)).toEqual({
      passed: 1,
      failed: 0,
      skipped: ['test 0.1', 'test 0.2'],
    });
  });
});

describe('linesWithSecrets', () => {
  it('finds the line without repeating the secret', () => {
    const found = linesWithSecrets(`fine\nconnecting to redis://:${MARKER_SECRET}abc@host\nfine`);
    expect(found).toEqual(['line 2: connecting to redis://:[secret]']);
  });

  it('finds nothing in clean output', () => {
    expect(linesWithSecrets('spillway secret\nspillway_secret_\n')).toEqual([]);
  });
});
