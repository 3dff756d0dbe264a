import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from './support/run.ts';

/** `npm test` itself, on the fixtures: tests named so, each of which does one thing. */
async function npmTest(name: string, ...more: string[]) {
  const config = join('test', 'setup', 'fixtures', 'vitest.config.ts');
  const { VITEST: _, VITEST_WORKER_ID: __, ...env } = process.env;
  const args = ['scripts/test.ts', '--only', 'unit', '--config', config, '-t', `^${name}$`, ...more];
  const { code, output } = await run(process.execPath, args, { env });
  return { code, output, lastLine: output.split('\n').at(-2) };
}

describe('npm test', () => {
  it('counts what passed, and names what did not run', async () => {
    const { code, output, lastLine } = await npmTest('nothing');
    expect(lastLine).toBe('2 passed, 0 failed');
    expect(output).toContain('skipped: timer\n');
    expect(code).toBe(0);
  });

  it('fails when a file leaked though its tests passed', async () => {
    expect(await npmTest('timer')).toMatchObject({ code: 1, lastLine: '2 passed, 1 failed' });
  });

  it('fails on an unhandled rejection though each test passed', async () => {
    expect(await npmTest('unhandled rejection')).toMatchObject({ code: 1, lastLine: '2 passed, 1 failed' });
  });

  it('fails when no test ran', async () => {
    expect(await npmTest('no such test')).toMatchObject({ code: 1, lastLine: '1 passed, 1 failed' });
  });

  it('fails when vitest cannot start', async () => {
    expect(await npmTest('nothing', '--no-such-option')).toMatchObject({
      code: 1,
      lastLine: '1 passed, 1 failed',
    });
  });

  it('fails when the output shows a secret, without showing it again', async () => {
    const { code, output, lastLine } = await npmTest('prints a secret');
    expect(lastLine).toBe('1 passed, 1 failed');
    expect(output).toContain('connecting to redis://:[secret]');
    expect(code).toBe(1);
  });
});
