import type { Breaker } from '../breaker.ts';
import type { MakeBreaker } from '../registry.ts';
import { checkGuarded } from '../settings.ts';
import { runTask, type Task } from '../task.ts';
import type { GuardOptions } from './fetch.ts';

/** As much of MongoDB's client as leads to all that is guarded. */
export interface MongoClientLike {
  db(...args: never[]): object;
}

type Kind = 'client' | 'db' | 'collection' | 'cursor';

/** What asks the server, and answers with a promise. */
const ASKS: Record<Kind, ReadonlySet<PropertyKey>> = {
  client: new Set(['connect', 'bulkWrite']),
  db: new Set(['command', 'collections', 'createCollection', 'dropCollection', 'dropDatabase', 'stats']),
  collection: new Set([
    ...['findOne', 'insertOne', 'insertMany', 'updateOne', 'updateMany', 'replaceOne', 'deleteOne'],
    ...['deleteMany', 'findOneAndUpdate', 'findOneAndReplace', 'findOneAndDelete', 'bulkWrite', 'distinct'],
    ...['countDocuments', 'estimatedDocumentCount', 'createIndex', 'createIndexes', 'dropIndex', 'drop'],
  ]),
  cursor: new Set(['next', 'tryNext', 'hasNext', 'toArray', 'forEach', 'explain']),
};

/** What gives a further part of the driver. */
const LEADS: Record<Kind, Readonly<Record<PropertyKey, Kind>>> = {
  client: { db: 'db' },
  db: { collection: 'collection', aggregate: 'cursor', listCollections: 'cursor' },
  collection: { find: 'cursor', aggregate: 'cursor', listIndexes: 'cursor' },
  cursor: {},
};

/**
 * A MongoDB client whose collections and cursors go through a breaker with the preset `database`. Errors are judged by class,
 * label and code. Sessions, change streams and what is not listed above are the driver's own, unguarded.
 */
export function guardMongo<C extends MongoClientLike>(
  make: MakeBreaker,
  name: string,
  client: C,
  options: GuardOptions = {},
): C {
  checkGuarded(name, 'client', client, ['db'], 'a client of MongoDB');
  return guard(client, 'client', make(name, runTask, { preset: 'database', ...options, withContext: true }));
}

function guard<T extends object>(part: T, kind: Kind, breaker: Breaker<[Task], unknown>): T {
  const proxy: T = new Proxy(part, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      const call = (args: unknown[]): unknown => value.apply(target, args);
      if (kind === 'cursor' && key === Symbol.asyncIterator) return () => iterate(call([]), breaker);
      if (ASKS[kind].has(key)) return (...args: unknown[]) => breaker.fire(() => call(args));
      const leads = Object.hasOwn(LEADS[kind], key) ? LEADS[kind][key] : undefined;
      return (...args: unknown[]) => {
        const result = call(args);
        // `sort`, `limit` and the like answer with the cursor itself.
        if (result === target) return proxy;
        return leads === undefined ? result : guard(result as object, leads, breaker);
      };
    },
  });
  return proxy;
}

function iterate(given: unknown, breaker: Breaker<[Task], unknown>): AsyncIterableIterator<unknown> {
  const iterator = given as AsyncIterator<unknown>;
  return {
    next: () => breaker.fire(() => iterator.next()) as Promise<IteratorResult<unknown>>,
    return: value => iterator.return?.(value) ?? Promise.resolve({ done: true, value }),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
