import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { removeTempDir, tempDir } from './temp-dir.ts';

it('gives each caller a folder of its own and removes it on demand', () => {
  const [one, two] = [tempDir(), tempDir('named')];
  expect(one).not.toBe(two);
  expect(two).toContain('spillway-named-');
  writeFileSync(join(one, 'file'), 'x');
  removeTempDir(one);
  expect(existsSync(one)).toBe(false);
  expect(existsSync(two)).toBe(true);
});

it('removes what is left when the process ends', () => {
  const script = `import { tempDir } from ${JSON.stringify(join(import.meta.dirname, 'temp-dir.ts'))};
    console.log(tempDir());`;
  const folder = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  }).trim();
  expect(folder).toContain('spillway-test-');
  expect(existsSync(folder)).toBe(false);
});
