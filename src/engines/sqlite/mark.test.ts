import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testSeed } from '../../../test/support/random.ts';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { hashBoot, MarkWriter, readMark } from './mark.ts';

fc.configureGlobal({ seed: testSeed() });

const newPath = () => join(tempDir('mark'), 'q.db-mark');

function write(path: string, commits: number, fsynced = true, boot = 'boot'): void {
  const writer = new MarkWriter(path, boot);
  writer.write(commits, fsynced);
  writer.close();
}

describe('the high-water mark', () => {
  it('is read back as it was written', () => {
    const path = newPath();
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.boolean(), fc.string(), (commits, fsynced, boot) => {
        write(path, commits, fsynced, boot);
        expect(readMark(path)).toEqual({ commits, fsynced, boot: hashBoot(boot) });
      }),
    );
  });

  it('is written in place, in 40 bytes, for its owner only', () => {
    const path = newPath();
    const writer = new MarkWriter(path, 'boot');
    for (const commits of [1, 2, 300]) writer.write(commits, true);
    writer.close();
    expect(statSync(path)).toMatchObject({ size: 40 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('that is not there is undefined', () => {
    expect(readMark(newPath())).toBeUndefined();
  });

  it('is not emptied by the next who opens it', () => {
    const path = newPath();
    write(path, 5);
    new MarkWriter(path, 'boot').close();
    expect(readMark(path)).toMatchObject({ commits: 5 });
  });

  it.each<[string, (path: string) => void]>([
    ['empty', path => truncateSync(path)],
    ['cut', path => truncateSync(path, 39)],
    ['of another kind', path => writeFileSync(path, 'x'.repeat(40))],
  ])('that is %s is damaged', (_how, damage) => {
    const path = newPath();
    write(path, 5);
    damage(path);
    expect(readMark(path)).toBe('damaged');
  });

  it('with any flipped bit is damaged', () => {
    const path = newPath();
    write(path, 123_456);
    const intact = readFileSync(path);
    for (let bit = 0; bit < intact.length * 8; bit++) {
      const flipped = Buffer.from(intact);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(path, flipped);
      expect(readMark(path), `bit ${bit}`).toBe('damaged');
    }
    expect(existsSync(path)).toBe(true);
  });
});
