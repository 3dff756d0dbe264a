import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { assetsIn, rewriteExtensions } from './compile.ts';

it('rewrites relative imports in declarations, in all their forms, and nothing else', () => {
  const before = `import { a } from './a.ts';
import type { b } from "../b.ts";
export * from './c/index.ts';
export declare const d: import('./d.ts').D;
import e from 'package/e.ts';
/** See ./f.ts */`;
  expect(rewriteExtensions(before)).toBe(`import { a } from './a.js';
import type { b } from "../b.js";
export * from './c/index.js';
export declare const d: import('./d.js').D;
import e from 'package/e.ts';
/** See ./f.ts */`);
});

it('copies what a module reads beside itself, and no sources, notes or fixtures', () => {
  const folder = tempDir('assets');
  for (const file of ['a.ts', 'notes.md', 'deep/schema.sql', 'deep/data.json', 'deep/fixtures/x.json']) {
    mkdirSync(join(folder, file, '..'), { recursive: true });
    writeFileSync(join(folder, file), '');
  }
  expect(assetsIn(folder).sort()).toEqual(['deep/data.json', 'deep/schema.sql']);
});
