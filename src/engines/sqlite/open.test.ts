import { statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { MarkWriter } from './mark.ts';
import { openFile, refuseNetworkDisk } from './open.ts';
import { bootId } from './time.ts';

it.each([
  ['NFS', 0x6969],
  ['SMB', 0x517b],
  ['CIFS', 0xff534d42],
  // statfs gives it as a negative number where the field is signed.
  ['CIFS', 0xff534d42 | 0],
  ['SMB2', 0xfe534d42],
  ['9P', 0x01021997],
  ['Ceph', 0x00c36400],
])('a file on %s is refused', (name, type) => {
  expect(() => refuseNetworkDisk('/mnt/q.db', type)).toThrow(
    expect.objectContaining({
      code: 'SPILLWAY_SQLITE_NETWORK_DISK',
      details: { file: '/mnt/q.db', disk: name },
    }),
  );
});

it.each([
  ['ext4', 0xef53],
  ['xfs', 0x58465342],
  ['btrfs', 0x9123683e],
  ['tmpfs', 0x01021994],
  ['overlay', 0x794c7630],
  ['zfs', 0x2fc12fc1],
  ['the folder of these tests', statfsSync(tmpdir()).type],
])('a file on %s is fine', (_name, type) => {
  expect(() => refuseNetworkDisk('/data/q.db', type)).not.toThrow();
});

/** A file that counts 3 commits, and a mark beside it that says `marked`. */
function fileWithMark(marked: number, fsynced: boolean, boot: string): string {
  const file = join(tempDir('open'), 'q.db');
  const { db } = openFile(file, 1000);
  db.exec('UPDATE queue SET commits = 3 WHERE num = 0');
  db.close();
  const mark = new MarkWriter(`${file}-mark`, boot);
  mark.write(marked, fsynced);
  mark.close();
  return file;
}

function open(file: string) {
  const { db, warnings } = openFile(file, 1000);
  db.close();
  return warnings.map(({ code, details }) => [code, details.missing]);
}

it.each([
  ['behind', 2],
  ['equal', 3],
])('a mark that is %s is fine', (_how, marked) => {
  expect(open(fileWithMark(marked, true, bootId()))).toEqual([]);
});

it.each([
  ['fsynced, same boot', true, bootId()],
  ['fsynced, another boot', true, 'another boot'],
  ['not fsynced, same boot: the process ended, the machine did not', false, bootId()],
])('a mark that is ahead means lost commits: %s', (_how, fsynced, boot) => {
  expect(() => open(fileWithMark(5, fsynced, boot))).toThrow(
    expect.objectContaining({
      code: 'SPILLWAY_SQLITE_LOST_COMMITS',
      details: expect.objectContaining({ missing: 2 }),
    }),
  );
});

it('a mark that is ahead after a power loss, without fsyncs: told, and opened', () => {
  expect(open(fileWithMark(5, false, 'another boot'))).toEqual([['SPILLWAY_SQLITE_LOST_COMMITS', 2]]);
});

it('a mark that cannot be read: told, and opened', () => {
  const file = fileWithMark(3, true, bootId());
  writeFileSync(`${file}-mark`, 'garbage');
  expect(open(file)).toEqual([['SPILLWAY_SQLITE_LOST_COMMITS', undefined]]);
});

it('locks and windows of another boot are over, those of this one are not', () => {
  const file = join(tempDir('open'), 'q.db');
  const { db } = openFile(file, 1000);
  db.exec(
    "INSERT INTO queue (name, stalled_until, limiter_until, limiter_count) VALUES ('bull:q', 9e15, 9e15, 7)",
  );
  db.exec(
    `INSERT INTO job (row, queue, id, state, score, name, timestamp, lock_token, lock_until, opts, data)
     VALUES (1, 1, '1', 1, 1, 'n', 1, 'token', 9e15, '{}', '{}')`,
  );
  db.close();
  const look = () => {
    const raw = new DatabaseSync(file);
    const found = raw
      .prepare('SELECT lock_until, stalled_until, limiter_count FROM job, queue WHERE num = 1')
      .get();
    raw.close();
    return { ...found };
  };
  open(file);
  expect(look()).toEqual({ lock_until: 9e15, stalled_until: 9e15, limiter_count: 7 });
  const raw = new DatabaseSync(file);
  raw.exec("UPDATE file SET boot_id = 'another boot'");
  raw.close();
  open(file);
  expect(look()).toEqual({ lock_until: 0, stalled_until: 0, limiter_count: 0 });
});
