import { Queue } from 'bullmq';
import { expect, it, onTestFinished } from 'vitest';
import { createSqliteBackend } from '../sqlite/index.ts';
import { createFailoverBackend, failoverOf } from './index.ts';

/** What a program in JavaScript may write. */
const wrong = (value: unknown) => value as never;
const sqlite = { file: ':memory:' };
const redis = { host: '127.0.0.1', port: 1 };
const refused = (text: string) =>
  expect.objectContaining({ code: 'SPILLWAY_INVALID_OPTION', message: expect.stringContaining(text) });

function onSqlite(connection: object) {
  const queue = new Queue('a', wrong({ connection }), wrong(createSqliteBackend));
  onTestFinished(() => queue.close());
  return queue;
}
const onFailover = (connection: object) =>
  new Queue('a', wrong({ connection }), wrong(createFailoverBackend));

it.each<[string, () => unknown, string]>([
  ['a misspelt durability', () => onSqlite({ ...sqlite, durabilty: 'normal' }), 'did you mean durability?'],
  ['a misspelt journal', () => onFailover({ redis, sqlite, jurnal: 'off' }), 'did you mean journal?'],
  ['a misspelt host', () => onFailover({ redis: { hots: 'h' }, sqlite }), 'redis.hots must be absent'],
  ['failoverOf() of another engine', () => failoverOf(onSqlite(sqlite)), 'received an object of class Queue'],
])('%s is refused', (_name, make, text) => {
  expect(make).toThrow(refused(text));
});

it('what is of somebody else is let be', () => {
  expect(() => onSqlite({ ...sqlite, host: 'h', maxRetriesPerRequest: null })).not.toThrow();
});
