import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type Lockfile, missingPlatformPackages } from './lockfile.ts';

it('lists every platform, so that npm ci works from a fresh clone (else: node scripts/lockfile.ts)', () => {
  const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as Lockfile;
  expect(Object.keys(missingPlatformPackages(lock))).toEqual([]);
});

it('says for which machines a missing package is', () => {
  const lock: Lockfile = {
    packages: {
      'node_modules/tool': {
        dev: true,
        license: 'MIT',
        optionalDependencies: { 'tool-linux-x64-musl': '1.2.3', 'tool-linux-x64': '1.2.3', extra: '^1.0.0' },
      },
      'node_modules/tool-linux-x64': { version: '1.2.3' },
    },
  };
  expect(missingPlatformPackages(lock)).toEqual({
    'node_modules/tool-linux-x64-musl': {
      version: '1.2.3',
      cpu: ['x64'],
      dev: true,
      libc: ['musl'],
      license: 'MIT',
      optional: true,
      os: ['linux'],
    },
  });
});
