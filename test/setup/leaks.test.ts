import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

const VITEST = join(import.meta.dirname, '../../node_modules/vitest/vitest.mjs');
const CONFIG = join(import.meta.dirname, 'fixtures/vitest.config.ts');

async function runFixture(name: string): Promise<{ code: number | null; output: string }> {
  const args = [VITEST, 'run', '--config', CONFIG, '-t', `^${name}$`, '--no-color'];
  const { VITEST: _, VITEST_WORKER_ID: __, ...env } = process.env;
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: (await exited)[0], output: out + err };
}

it('lets a file pass that closed what it opened', async () => {
  const { code, output } = await runFixture('nothing');
  expect(output).toContain('1 passed');
  expect(code).toBe(0);
});

it.each(['timer', 'child process', 'listening server', 'socket', 'worker thread', 'fs.watch'])(
  'fails a file that leaves a %s, and says where it was made',
  async leak => {
    const { code, output } = await runFixture(leak);
    expect(output).toMatch(new RegExp(`left open by this test file:\\s+- ${leak}`));
    // A server binds after Node looked its address up, where the caller is no longer on the stack.
    if (leak !== 'listening server')
      expect(output).toMatch(/- [^\n]+, made\s+at [^\n]*test\/setup\/fixtures\/leaks\.fixture\.ts:\d+/);
    expect(code).toBe(1);
  },
);

it('fails on an unhandled rejection', async () => {
  const { code, output } = await runFixture('unhandled rejection');
  expect(output).toContain('nobody waits for me');
  expect(code).toBe(1);
});

it('ends the child process it found', async () => {
  const { output } = await runFixture('child process');
  const pid = Number(/child process \(pid (\d+)\)/.exec(output)?.[1]);
  expect(pid).toBeGreaterThan(0);
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});
