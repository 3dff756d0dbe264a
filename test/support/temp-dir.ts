import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made = new Set<string>();
let removedAtExit = false;

/**
 * A new empty folder, removed with all it holds when the test file ends (test/setup/leaks.ts) or, outside vitest,
 * when the process does.
 */
export function tempDir(name = 'test'): string {
  if (!removedAtExit) process.once('exit', removeTempDirs);
  removedAtExit = true;
  const folder = mkdtempSync(join(realpathSync(tmpdir()), `spillway-${name}-`));
  made.add(folder);
  return folder;
}

export function removeTempDir(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  made.delete(folder);
}

export function removeTempDirs(): void {
  for (const folder of made) removeTempDir(folder);
}
