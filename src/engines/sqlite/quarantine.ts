import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { SpillwayError } from '../../shared/errors.ts';
import { machineNow } from './time.ts';

/*
 * A file that failed a check is put in quarantine: a note `<file>-quarantine` is left beside it, which every later
 * start obeys, so that a restart can't paper over the damage by going on with what is left. The file stays where it
 * is for those who mend it; its log is copied first, because closing the database would fold it in and delete it.
 */

interface Note {
  reason: 'damaged' | 'lost-commits';
  message: string;
  at: string;
  log?: string;
}

function notePath(file: string): string {
  return `${file}-quarantine`;
}

/** Leaves the note and returns the error to raise. */
export function quarantine(
  file: string,
  reason: Note['reason'],
  message: string,
  missing?: number,
): SpillwayError {
  const note: Note = { reason, message, at: new Date(machineNow()).toISOString() };
  try {
    if (existsSync(`${file}-wal`)) {
      copyFileSync(`${file}-wal`, `${file}-quarantine-wal`);
      note.log = `${file}-quarantine-wal`;
    }
    if (!existsSync(notePath(file)))
      writeFileSync(notePath(file), `${JSON.stringify(note, null, 2)}\n`, { mode: 0o600 });
  } catch {
    // The disk may refuse the note as well; the error below still stops this process.
  }
  return new SpillwayError(
    reason === 'damaged' ? 'SPILLWAY_SQLITE_CORRUPT' : 'SPILLWAY_SQLITE_LOST_COMMITS',
    `${message} ${advice(file)}`,
    { details: { file, ...(missing === undefined ? {} : { missing }) } },
  );
}

/** @throws SpillwayError SPILLWAY_SQLITE_QUARANTINED while the note of an earlier failure stands. */
export function refuseIfQuarantined(file: string): void {
  if (!existsSync(notePath(file))) return;
  let message = 'It failed a check.';
  try {
    message = (JSON.parse(readFileSync(notePath(file), 'utf8')) as Note).message;
  } catch {
    // A note that can't be read still is a note.
  }
  throw new SpillwayError(
    'SPILLWAY_SQLITE_QUARANTINED',
    `${file} is in quarantine. ${message} ${advice(file)}`,
    {
      details: { file },
    },
  );
}

function advice(file: string): string {
  return `Restore a backup over it, or look at what is left with the sqlite3 shell; then delete ${notePath(file)} (and ${file}-mark, if you accept the loss) to use it again.`;
}
