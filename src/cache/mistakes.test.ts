import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { collectLog } from '../../test/runtime/collect-log.ts';
import {
  createCache,
  dedupe,
  dedupeStream,
  deduplication,
  fromMongo,
  fromPostgres,
  fromSqlite,
} from './index.ts';

function cacheForTest() {
  const cache = createCache();
  onTestFinished(() => cache.close());
  return cache;
}

/** What a program in JavaScript may write. */
const wrong = (value: unknown) => value as never;
const refusal = (text: string) => ({
  code: 'SPILLWAY_INVALID_OPTION',
  message: expect.stringContaining(text),
});
const ask = async () => 'answer';

describe('a cache', () => {
  it.each([
    [
      'a URL alone',
      'redis://:hunter2@h',
      'options of the cache must be an object, as in createCache({ redis: … })',
    ],
    ['nothing', null, 'must be an object'],
    ['a misspelt option', { redsi: 'redis://h' }, 'did you mean redis?'],
    ['a misspelt bound', { memory: { maxItem: 1 } }, 'did you mean memory.maxItems?'],
    ['a number for bounds', { memory: 5 }, 'memory of the cache must be an object'],
    ['no path', { journal: 5 }, 'journal of the cache must be a path'],
    ['a word for a boolean', { enabled: 'no' }, 'enabled of the cache must be true or false'],
    ['a logger that is none', { logger: {} }, 'logger of the cache must be an object with the methods debug'],
  ])('with %s is refused', (_name, options, text) => {
    expect(() => createCache(wrong(options))).toThrow(expect.objectContaining(refusal(text)));
    expect(() => createCache(wrong(options))).not.toThrow(/hunter2/);
  });

  it('opened again without options says which differ', () => {
    const cache = cacheForTest();
    cache.namespace('lead', { ttl: '10m' });
    expect(() => cache.namespace('lead', wrong(undefined))).toThrow(
      expect.objectContaining({
        code: 'SPILLWAY_CACHE_NAMESPACE',
        details: { namespace: 'lead', options: ['ttl'] },
      }),
    );
  });

  it.each([
    [
      'getMany() with a text',
      c => c.getMany(wrong('abc')),
      'keys of getMany() of the cache namespace lead must be a list',
    ],
    ['getMany() with nothing', c => c.getMany(wrong(undefined)), 'must be a list of keys'],
    ['set() with a misspelt option', c => c.set('k', 1, wrong({ ttll: 1 })), 'did you mean ttl?'],
    ['set() with a ttl alone', c => c.set('k', 1, wrong('10m')), 'must be an object { ttl, tags, wait }'],
    ['set() that waits for a word', c => c.set('k', 1, wrong({ wait: 'yes' })), 'must be true or false'],
    [
      'get() with a loader alone',
      c =>
        c.get(
          'k',
          wrong(() => 1),
        ),
      'must be an object { load }',
    ],
    ['get() with a misspelt loader', c => c.get('k', wrong({ laod: () => 1 })), 'did you mean load?'],
    [
      'get() with a loader that is none',
      c => c.get('k', wrong({ load: 'x' })),
      'load of get() of the cache namespace lead',
    ],
    [
      'warm() with a misspelt option',
      c => c.warm(['k'], wrong({ concurency: 2 })),
      'did you mean concurrency?',
    ],
  ] as [string, (cache: ReturnType<typeof namespaceForTest>) => Promise<unknown>, string][])(
    '%s is refused',
    async (_name, call, text) => {
      const namespace = namespaceForTest();
      await expect(call(namespace)).rejects.toMatchObject(refusal(text));
      expect(namespace.stats()).toMatchObject({ sets: 0, loads: 0 });
    },
  );
});

it('a key that is missing, or a word for a boolean, changes nothing in silence', () => {
  const cache = cacheForTest();
  const refused = (text: string) => expect.objectContaining(refusal(text));
  const plain = { ttl: '1m', encryption: null };
  expect(() => cache.namespace('a', wrong(plain))).toThrow(
    refused('encryption of the cache namespace a must be an object'),
  );
  expect(() => cache.setEnabled(wrong('off'))).toThrow(refused('enabled of the cache must be true or false'));
  expect(cache.enabled).toBe(true);
});

it('a value that cannot be kept is one line in the log of its namespace', async () => {
  const { logger, lines } = collectLog();
  const cache = createCache({ logger });
  onTestFinished(() => cache.close());
  const values = cache.namespace('lead', {
    ttl: '1m',
    tags: () => wrong('x'),
    load: async (key: string) => key,
  });
  expect([await values.get('a'), await values.get('b')]).toEqual(['a', 'b']);
  expect(lines.map(({ message }) => message)).toEqual([
    expect.stringMatching(
      /^The cache namespace lead has a value that is passed on and not kept.*: The tags of a value/,
    ),
  ]);
});

it('what is no pair is counted when warming', async () => {
  const cache = cacheForTest();
  const values = cache.namespace<string, number>('lead', { ttl: '1m' });
  expect(await values.warmWith([['a', 1], wrong(null)])).toMatchObject({ done: 1, failed: 1 });
});

function namespaceForTest() {
  return cacheForTest().namespace('lead', { ttl: '10m', load: (key: string) => key.length });
}

describe('what shares answers', () => {
  it.each([
    [
      'dedupe() without options',
      () => dedupe(ask, wrong(undefined)),
      'options of a dedupe must be an object { cache, name }',
    ],
    [
      'dedupe() without anything',
      () => dedupe(wrong(undefined), wrong(undefined)),
      'fn of a dedupe must be a function',
    ],
    ['dedupeStream() without a function', () => dedupeStream(wrong({}), wrong({})), 'must be a function'],
    [
      'a cache that is none',
      () => deduplication(wrong({ cache: {}, name: 'a' })),
      'cache of a dedupe must be spillway.caches',
    ],
    ['no name', () => deduplication(wrong({ cache: cacheForTest() })), 'name of a dedupe must be a text'],
    [
      'a key that is no function',
      () => deduplication(wrong({ cache: cacheForTest(), name: 'a', key: 'x' })),
      'a function',
    ],
    [
      'a misspelt option',
      () => deduplication(wrong({ cache: cacheForTest(), name: 'a', tll: 1 })),
      'did you mean ttl?',
    ],
    [
      'a ttl of no unit',
      () => deduplication({ cache: cacheForTest(), name: 'a', ttl: '1x' }),
      'ttl of the cache namespace a',
    ],
  ])('%s is refused', (_name, make, text) => {
    expect(make).toThrow(expect.objectContaining(refusal(text)));
  });
});

describe('a loader', () => {
  const key = () => 1;
  const sql = 'SELECT 1';
  const db = new DatabaseSync(':memory:');
  it.each([
    [
      'fromMongo()',
      () => fromMongo(wrong(undefined)),
      'options of fromMongo must be an object { collection, field, id }',
    ],
    ['fromMongo({})', () => fromMongo(wrong({})), 'a collection of MongoDB, with the method find'],
    ['a database for a collection', () => fromMongo(wrong({ collection: db })), 'with the method find'],
    [
      'a field that is none',
      () => fromMongo(wrong({ collection: { find: ask }, field: 1 })),
      'field of fromMongo must be a text',
    ],
    [
      'fromPostgres({})',
      () => fromPostgres(wrong({})),
      'a pool or a client of node-postgres, with the method query',
    ],
    [
      'a URL for a database',
      () => fromPostgres(wrong({ db: 'postgres://a:hunter2@h/d', sql, key })),
      'the method query',
    ],
    [
      'a misspelt query',
      () => fromPostgres(wrong({ db: { query: ask }, sqll: sql, key })),
      'did you mean sql?',
    ],
    [
      'no key',
      () => fromPostgres(wrong({ db: { query: ask }, sql })),
      'key of fromPostgres must be a function',
    ],
    [
      'fromSqlite()',
      () => fromSqlite(wrong(undefined)),
      'options of fromSqlite must be an object { db, sql, key }',
    ],
    [
      'no query',
      () => fromSqlite(wrong({ db, key })),
      'sql of fromSqlite must be the text of a query for many keys',
    ],
  ])('%s is refused', (_name, make, text) => {
    expect(make).toThrow(expect.objectContaining(refusal(text)));
    expect(make).not.toThrow(/hunter2/);
  });
});
