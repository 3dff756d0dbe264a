import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('keeps a process alive until a call that hangs is over, and not a moment for an open breaker', async () => {
  const program = fileURLToPath(new URL('./fixtures/alone.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 20_000 });
  expect(stdout).toBe('SPILLWAY_BREAKER_TIMEOUT open\n');
});
