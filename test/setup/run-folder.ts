/** A folder for what the files of a run share: they may run in one process after the other, or in the same. */
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RUN_FOLDER } from '../support/temp-dir.ts';

export function setup(): () => void {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'spillway-run-'));
  // A server may run as another user.
  chmodSync(folder, 0o755);
  process.env[RUN_FOLDER] = folder;
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
