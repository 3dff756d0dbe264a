import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tempDir } from '../support/temp-dir.ts';
import { AckLog, checkAcks, readAckLog } from './index.ts';

it('reads back what several writers appended, without the half line of one that died', () => {
  const path = join(tempDir('acks'), 'log');
  const [one, two] = [new AckLog(path), new AckLog(path)];
  one.before('a');
  two.before('b with spaces');
  one.after('a');
  one.close();
  two.close();
  appendFileSync(path, '!b wi');
  expect(readAckLog(path)).toEqual({ attempted: ['a', 'b with spaces'], acknowledged: ['a'] });
});

it('takes a log that was never begun for an empty one', () => {
  expect(readAckLog(join(tempDir('acks'), 'none'))).toEqual({ attempted: [], acknowledged: [] });
});

it('refuses an id that would break the lines', () => {
  const log = new AckLog(join(tempDir('acks'), 'log'));
  expect(() => log.before('a\nb')).toThrow('one line');
  log.close();
});

it('tells lost, duplicated, unexpected and unacknowledged apart', () => {
  const acks = { attempted: ['a', 'b', 'c', 'd', 'e'], acknowledged: ['a', 'b', 'c'] };
  expect(checkAcks(acks, ['a', 'b', 'b', 'd', 'x'])).toEqual({
    lost: ['c'],
    duplicated: ['b'],
    unexpected: ['x'],
    unacknowledged: ['d'],
  });
  expect(checkAcks(acks, ['c', 'b', 'a'])).toEqual({
    lost: [],
    duplicated: [],
    unexpected: [],
    unacknowledged: [],
  });
});
