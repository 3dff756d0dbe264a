import type { MakeBreaker } from '../registry.ts';
import { checkGuarded } from '../settings.ts';
import { runTask } from '../task.ts';
import type { GuardOptions } from './fetch.ts';

/** As much of node-postgres' Pool as is guarded. */
export interface PoolLike {
  query(...args: never[]): unknown;
  connect(...args: never[]): unknown;
}

/**
 * A pool whose `query` and `connect` go through a breaker with the preset `database`. Errors are judged by their SQLSTATE.
 *
 * Not guarded: calls with a callback, cursors and streams; and the queries of a client that `connect` gave, because a
 * transaction that was begun must be able to end. A query that times out here goes on in the database: set
 * `statement_timeout` there.
 */
export function guardPool<P extends PoolLike>(
  make: MakeBreaker,
  name: string,
  pool: P,
  options: GuardOptions = {},
): P {
  checkGuarded(name, 'pool', pool, ['query', 'connect'], 'a pool of node-postgres');
  const breaker = make(name, runTask, { preset: 'database', ...options, withContext: true });
  const through =
    (method: 'query' | 'connect') =>
    (...args: unknown[]): unknown => {
      const call = () => (pool[method] as (...given: unknown[]) => unknown).apply(pool, args);
      return takesPromise(args) ? breaker.fire(call) : call();
    };
  const guarded: Record<PropertyKey, unknown> = { query: through('query'), connect: through('connect') };
  return new Proxy(pool, {
    get(target, key) {
      if (Object.hasOwn(guarded, key)) return guarded[key];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function takesPromise(args: readonly unknown[]): boolean {
  const [first] = args;
  const submits = typeof first === 'object' && first !== null && 'submit' in first;
  return !submits && typeof args.at(-1) !== 'function';
}
