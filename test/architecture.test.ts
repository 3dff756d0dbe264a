import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { below, HOUSE, roomOf, violations } from './support/house.ts';
import { importsIn, sourceFile, sourceFiles } from './support/source.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string> | undefined>;
const runtimePackages = new Set(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }));

/** These quote what they forbid. */
const QUOTING = ['test/architecture.test.ts', 'test/support/house.ts'];

describe('the house', () => {
  it('is kept by every file', () => {
    const files = sourceFiles(ROOT, ['ts', 'tsx', 'sql']).filter(file => !QUOTING.includes(file.path));
    expect(files.length).toBeGreaterThan(20);
    expect(files.flatMap(file => violations(file, runtimePackages))).toEqual([]);
  });

  it('knows every room of src/', () => {
    const rooms = new Set(sourceFiles(ROOT).flatMap(file => roomOf(file.path) ?? []));
    expect([...rooms].filter(room => HOUSE[room] === undefined)).toEqual([]);
  });

  it('has arrows that only point down', () => {
    for (const [room, lower] of Object.entries(HOUSE)) {
      for (const one of lower) expect(below(one), `${one} is below ${room}`).not.toContain(room);
    }
    for (const engine of ['engines/sqlite', 'engines/failover', 'engines/conformance']) {
      for (const upper of ['monitoring', 'queues', 'webhooks', 'server', 'spillway']) {
        expect(below(engine)).not.toContain(upper);
      }
    }
    expect(below('cli')).toContain('shared');
  });
});

describe('the rules can be broken', () => {
  const broken = (path: string, text: string) => violations(sourceFile(path, text), new Set(['pino']));

  it.each([
    [
      'past a face',
      'src/webhooks/a.ts',
      "import { x } from '../queues/inner.ts';",
      'past the face of queues',
    ],
    [
      'past a face, from a test',
      'test/a.test.ts',
      "import { x } from '../src/queues/b.ts';",
      'past the face',
    ],
    [
      'upwards',
      'src/engines/sqlite/a.ts',
      "import { x } from '../../queues/index.ts';",
      'must not know queues',
    ],
    [
      'upwards, types too',
      'src/queues/a.ts',
      "import type { x } from '../server/index.ts';",
      'must not know',
    ],
    [
      'upwards, late',
      'src/cache/a.ts',
      "await import('../monitoring/index.ts');",
      'must not know monitoring',
    ],
    ['upwards, by re-export', 'src/redis/a.ts', "export * from '../spillway.ts';", 'must not know spillway'],
    [
      'out of the package',
      'src/queues/a.ts',
      "import { x } from '../../test/support/random.ts';",
      'not part',
    ],
    ['a room unknown', 'src/attic/a.ts', "import { x } from '../shared/a.ts';", 'does not know: attic'],
    ['a development dependency', 'src/queues/a.ts', "import pg from 'pg';", 'not among the dependencies'],
    ['process.env', 'src/queues/a.ts', 'const url = process.env.URL;', 'reads the environment'],
    ['process.env, hidden', 'src/queues/a.ts', 'const { env } = process;', 'reads the environment'],
    ['env imported', 'src/queues/a.ts', "import { env } from 'node:process';", 'reads the environment'],
    ['any', 'src/queues/a.ts', 'function f(x: any) {}', 'uses any'],
    ['any inside', 'src/queues/a.ts', 'const x: Map<string, any> = new Map();', 'uses any'],
    ['as any', 'src/queues/a.ts', 'f(x as any);', 'uses any'],
    ['a default export', 'src/queues/a.ts', 'export default function f() {}', 'default export'],
    ['a check switched off', 'src/queues/a.ts', '// @ts-expect-error\nf();', 'switches a check off'],
    ['plain BEGIN', 'src/engines/sqlite/a.ts', "db.exec('BEGIN');", 'not IMMEDIATE'],
    ['begin deferred', 'src/engines/sqlite/a.ts', 'db.exec(`begin deferred;`);', 'not IMMEDIATE'],
    ['begin in a .sql', 'src/engines/sqlite/a.sql', 'begin transaction;\nselect 1;', 'not IMMEDIATE'],
    ['a hook of a helper', 'test/cache/rig.ts', 'afterEach(() => {});', 'for the first test file alone'],
    ['401 lines', 'src/queues/a.ts', '0;\n'.repeat(401), '401 lines'],
  ])('%s', (_name, path, text, message) => {
    expect(broken(path, text)).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    ['its own inside', 'src/queues/a.ts', "import { x } from './b.ts';"],
    ['down, two floors', 'src/webhooks/a.ts', "import { x } from '../engines/sqlite/index.ts';"],
    ['shared by file', 'src/queues/a.ts', "import { x } from '../shared/clock.ts';"],
    ['dependencies', 'src/queues/a.ts', "import { pino } from 'pino';\nimport fs from 'node:fs';"],
    [
      'a test beside its file',
      'src/queues/a.test.ts',
      "import { it } from 'vitest';\nimport '../../test/servers/index.ts';",
    ],
    ['words in comments', 'src/queues/a.ts', "// process.env, any: any, from 'pg'\n/* export default */"],
    ['configuration', 'src/config/a.ts', 'const url = process.env.URL;'],
    ['IMMEDIATE', 'src/engines/sqlite/a.ts', "db.exec('BEGIN IMMEDIATE');"],
    ['a hook of a file', 'test/cache/a.test.ts', 'afterEach(() => {});'],
    ['hooks a helper is asked for', 'test/a.ts', 'export function rig() {\n  afterEach(() => {});\n}'],
    ['a trigger', 'src/engines/sqlite/a.sql', 'create trigger t after insert on j begin\n select 1; end;'],
  ])('and allow %s', (_name, path, text) => {
    expect(broken(path, text)).toEqual([]);
  });

  it('find imports in all their forms', () => {
    const code =
      "import a from 'a';import 'b';export * from \"c\";type T = import('d').T;\nimport {\n e,\n} from 'e';";
    expect(importsIn(code)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});

describe('docs/errors.md', () => {
  it('has a section for every error code, and none for a code that is gone', () => {
    const union =
      read('src/shared/errors.ts').split('export type SpillwayErrorCode =')[1]?.split(';')[0] ?? '';
    const codes = [...union.matchAll(/'(SPILLWAY_\w+)'/g)].map(match => match[1]).sort();
    expect(codes.length).toBeGreaterThan(10);
    expect(existsSync(join(ROOT, 'docs/errors.md')), 'docs/errors.md exists').toBe(true);
    const sections = [...read('docs/errors.md').matchAll(/^#{2,4} `?(SPILLWAY_\w+)`?\s*$/gm)].map(
      match => match[1],
    );
    expect(sections.sort()).toEqual(codes);
  });
});
