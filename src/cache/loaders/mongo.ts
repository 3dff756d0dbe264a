import { inOrder } from './in-order.ts';
import { aFunction, checkLoaderOptions, having } from './options.ts';

/** The part of a MongoDB collection that is used. */
export interface MongoCollectionLike {
  find(filter: Record<string, unknown>): { toArray(): Promise<unknown[]> };
}

export interface MongoLoader<K> {
  collection: MongoCollectionLike;
  /** The field that holds the key. Default `_id`. */
  field?: string;
  /** What the database has for a key, such as `id => new ObjectId(id)`. Default: the key itself. */
  id?: (key: K) => unknown;
}

/**
 * A `loadMany` for MongoDB: one `find` with `$in` for all keys that were missed in the same turn. An `ObjectId` in a document
 * is kept as its text, a date as a date.
 *
 * @throws SpillwayError SPILLWAY_INVALID_OPTION
 */
export function fromMongo<K, Doc extends object>(options: MongoLoader<K>) {
  checkLoaderOptions('fromMongo', options, {
    collection: having('find', 'a collection of MongoDB, with the method find'),
    field: { range: 'a text', accepts: value => typeof value === 'string' && value !== '', may: 'be absent' },
    id: { ...aFunction, may: 'be absent' },
  });
  const { collection, field = '_id', id = key => key } = options;
  return async (keys: readonly K[]): Promise<(Doc | undefined)[]> => {
    const found = (await collection.find({ [field]: { $in: keys.map(id) } }).toArray()) as Doc[];
    return inOrder(keys.map(id), found, doc => Reflect.get(doc, field));
  };
}
