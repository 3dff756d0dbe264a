import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { DoneRecord } from './done-record.ts';

it('says once of each key that it is the first, whoever asks', () => {
  const file = join(tempDir('done'), 'done.db');
  const [one, other] = [new DoneRecord(file), new DoneRecord(file)];
  expect([one.isFirst('a'), other.isFirst('a'), other.isFirst('b'), one.isFirst('b')]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  one.close();
  other.close();
});
