import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, expect, it } from 'vitest';

const VITEST = join(import.meta.dirname, '../../node_modules/vitest/vitest.mjs');
const CONFIG = join(import.meta.dirname, 'fixtures/each-leak.config.ts');

let output = '';
let code: number | null = null;

beforeAll(async () => {
  const { VITEST: _, VITEST_WORKER_ID: __, ...env } = process.env;
  const args = [VITEST, 'run', '--config', CONFIG, '--no-color'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  output = out + err;
  [code] = await exited;
});

/** What was said of the file that leaves `leak`, if it failed. */
function complaint(leak: string): string | undefined {
  const marker = ` FAIL  |${leak.replaceAll(' ', '-')}|`;
  return output.split(/^(?= FAIL )|^⎯/m).find(part => part.startsWith(marker));
}

it('lets a file pass that closed what it opened', () => {
  expect(output).toMatch(/8 passed/);
  expect(complaint('nothing')).toBeUndefined();
});

it.each(['timer', 'child process', 'listening server', 'socket', 'worker thread', 'fs.watch'])(
  'fails a file that leaves a %s, and says where it was made',
  leak => {
    expect(complaint(leak), output).toMatch(new RegExp(`left open by this test file:\\s+- ${leak}`));
    // A server binds after Node looked its address up, where the caller is no longer on the stack.
    if (leak !== 'listening server')
      expect(complaint(leak)).toMatch(
        /- [^\n]+, made\s+at [^\n]*test\/setup\/fixtures\/leaks\.fixture\.ts:\d+/,
      );
    expect(code).toBe(1);
  },
);

it('fails on an unhandled rejection', () => {
  expect(output).toContain('nobody waits for me');
});

it('ends the child process it found', () => {
  const pid = Number(/child process \(pid (\d+)\)/.exec(output)?.[1]);
  expect(pid).toBeGreaterThan(0);
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});
