import { type Collection, MongoClient, MongoServerError } from 'mongodb';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { BreakerRegistry } from '../../src/breakers/index.ts';
import { type PostgresServer, startPostgres } from '../servers/index.ts';

let registry: BreakerRegistry;
beforeEach(() => {
  registry = new BreakerRegistry();
});
afterEach(() => registry.close());

describe('a node-postgres pool', () => {
  async function open(): Promise<{ server: PostgresServer; pool: pg.Pool; bare: pg.Pool }> {
    const server = await startPostgres();
    const bare = new pg.Pool({ connectionString: server.url, connectionTimeoutMillis: 2_000 });
    bare.on('error', () => {});
    onTestFinished(async () => {
      await bare.end();
      await server.stop();
    });
    return { server, bare, pool: registry.pool('db', bare, { minimumCalls: 4 }) };
  }
  const stats = () => registry.get('db').stats;

  it('counts what is the server’s fault, not what is the query’s', async () => {
    const { server, pool } = await open();
    await pool.query('create table t (id int primary key)');
    await pool.query('insert into t values ($1)', [1]);
    for (const [text, code] of [
      ['insert into t values (1)', '23505'],
      ['select 1 / 0', '22012'],
      ['selekt', '42601'],
    ]) {
      await expect(pool.query(text!)).rejects.toMatchObject({ code });
    }
    const { rows } = await pool.query<{ id: number }>('select id from t');
    expect(rows).toEqual([{ id: 1 }]);
    expect(stats()).toMatchObject({ state: 'closed', successes: 6, failures: 0 });
    await expect(pool.query('set statement_timeout = 20; select pg_sleep(5)')).rejects.toMatchObject({
      code: '57014',
    });
    expect(stats().failures).toBe(1);

    await server.kill();
    while (stats().state === 'closed') await pool.query('select 1').catch(() => undefined);
    await expect(pool.query('select 1')).rejects.toMatchObject({ code: 'SPILLWAY_BREAKER_OPEN' });
    await expect(pool.connect()).rejects.toMatchObject({ code: 'SPILLWAY_BREAKER_OPEN' });
  });

  it('lets a transaction that was begun end, and passes callbacks on', async () => {
    const { pool } = await open();
    const client = await pool.connect();
    await client.query('begin');
    registry.setMode('db', 'forced-open');
    await client.query('rollback');
    client.release();
    const count = await new Promise(resolve => {
      pool.query('select 1', (_error: unknown, result: { rowCount: number | null }) =>
        resolve(result.rowCount),
      );
    });
    expect(count).toBe(1);
    expect(pool.totalCount).toBe(1);
  });
});

describe('a MongoDB client', () => {
  it('the driver’s own, with no server to be found: counts, and opens', async () => {
    const bare = new MongoClient('mongodb://127.0.0.1:1/', { serverSelectionTimeoutMS: 50 });
    onTestFinished(() => bare.close());
    const users = registry.mongo('mongo', bare, { minimumCalls: 2 }).db('app').collection('users');
    await expect(users.findOne({})).rejects.toMatchObject({ name: 'MongoServerSelectionError' });
    await expect(users.find({}).sort({ _id: 1 }).limit(1).toArray()).rejects.toMatchObject({
      name: expect.stringMatching(/^Mongo(ServerSelection|TopologyClosed)Error$/),
    });
    expect(registry.get('mongo').stats).toMatchObject({ state: 'open', failures: 2 });
    await expect(users.insertOne({})).rejects.toMatchObject({ code: 'SPILLWAY_BREAKER_OPEN' });
    const reading = (async () => {
      for await (const each of users.find({})) throw new Error(`read ${String(each)}`);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'SPILLWAY_BREAKER_OPEN' });
  });

  it('replies are judged by code, and everything keeps its own `this`', async () => {
    const duplicate = new MongoServerError({ message: 'E11000 duplicate key', code: 11000 });
    class Users {
      #documents = [{ n: 1 }, { n: 2 }];
      async insertOne(): Promise<never> {
        throw duplicate;
      }
      find() {
        const documents = this.#documents;
        return {
          async *[Symbol.asyncIterator]() {
            yield* documents;
          },
        };
      }
    }
    const users = new Users();
    const client = { db: () => ({ collection: () => users as unknown as Collection }) };
    const guarded = registry.mongo('mongo', client).db().collection();
    await expect(guarded.insertOne({})).rejects.toBe(duplicate);
    const read: unknown[] = [];
    for await (const each of guarded.find({})) read.push(each);
    expect(read).toEqual([{ n: 1 }, { n: 2 }]);
    expect(registry.get('mongo').stats).toMatchObject({ failures: 0, successes: 4 });
  });
});
