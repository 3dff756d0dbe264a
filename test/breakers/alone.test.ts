import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { tempDir } from '../support/temp-dir.ts';

it('keeps a process alive until a call that hangs is over, and not a moment for an open breaker', async () => {
  const program = fileURLToPath(new URL('./fixtures/alone.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 20_000 });
  expect(stdout).toBe('SPILLWAY_BREAKER_TIMEOUT open\n');
});

it('keeps no process alive to look for modes that others set', async () => {
  const program = fileURLToPath(new URL('./fixtures/alone-with-a-file.ts', import.meta.url));
  const args = [program, join(tempDir('alone'), 'jobs.db')];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
  expect(stdout).toBe('answer metrics-only true\n');
});
