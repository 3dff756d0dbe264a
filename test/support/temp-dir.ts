import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Names the folder that lasts as long as the run. */
export const RUN_FOLDER = 'SPILLWAY_TEST_RUN_FOLDER';

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

/** The same for what several test files use: removed when all of them have run (test/setup/run-folder.ts). */
export function lastingTempDir(name: string): string {
  const parent = process.env[RUN_FOLDER];
  return parent === undefined ? tempDir(name) : mkdtempSync(join(parent, `${name}-`));
}

export function removeTempDir(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  made.delete(folder);
}

export function removeTempDirs(): void {
  for (const folder of made) removeTempDir(folder);
}
