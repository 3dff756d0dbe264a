import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { type Entry, formatEntry, LogReader, LogWriter, parseEntry } from './log.ts';

describe('a line of the log', () => {
  it.each<Entry>([
    { kind: 'began', key: 'p1.1-1', at: 12.345, reason: '' },
    { kind: 'rejected', key: 'p1.1-2', at: 0.001, reason: 'OOM: command not allowed' },
    { kind: 'error', key: '-', at: 99, reason: 'read ECONNRESET' },
  ])('comes back as it was: $kind', entry => {
    expect(parseEntry(formatEntry(entry))).toEqual(entry);
  });

  it('stays one line, whatever the reason, and no longer than is readable', () => {
    const line = formatEntry({ kind: 'failed', key: 'k', at: 1, reason: `a\nb\r\n${'c'.repeat(1000)}` });
    expect(line).not.toMatch(/[\r\n]/);
    expect(line).toMatch(/^f k 1\.000 a b c{100,}$/);
    expect(line.length).toBeLessThan(250);
  });

  it('refuses a key that is not one word, and a line that is none of ours', () => {
    expect(() => formatEntry({ kind: 'ran', key: 'a b', at: 1, reason: '' })).toThrow('received "a b"');
    for (const line of ['', '+ key', '+ key soon', 'z key 1']) {
      expect(() => parseEntry(line)).toThrow('not a line of a log');
    }
  });
});

describe('LogReader', () => {
  it('gives what came since the last look, and leaves a torn line until its rest comes', () => {
    const path = join(tempDir('log'), 'a.log');
    const reader = new LogReader(path);
    expect(reader.read()).toEqual([]);
    const writer = new LogWriter(path);
    writer.write('began', 'one');
    appendFileSync(path, '! one 5.0');
    expect(reader.read().map(({ kind, key }) => [kind, key])).toEqual([['began', 'one']]);
    expect(reader.read()).toEqual([]);
    appendFileSync(path, '00 why\n');
    expect(reader.read()).toEqual([{ kind: 'acknowledged', key: 'one', at: 5, reason: 'why' }]);
    writer.close();
    reader.close();
  });

  it('reads more than it takes in at once, in any script', () => {
    const path = join(tempDir('log'), 'a.log');
    const writer = new LogWriter(path);
    for (let n = 0; n < 3000; n++) writer.write('error', '-', 'Überlauf 満杯');
    writer.close();
    const reader = new LogReader(path);
    const entries = reader.read();
    reader.close();
    expect(entries).toHaveLength(3000);
    expect(new Set(entries.map(({ reason }) => reason))).toEqual(new Set(['Überlauf 満杯']));
  });
});
