import { createRedisBackend } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { behaviours, conformance } from '../../src/engines/conformance/index.ts';
import { type RedisServer, startRedis } from '../servers/index.ts';
import { compareEngines } from './model.ts';

// Redis is where the recorded answers come from; that it still gives them proves the record true.
let server: RedisServer | undefined;
const connection = () => ({ host: '127.0.0.1', port: server?.port ?? 0 });

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server?.stop());

// Most of a behaviour is waiting.
conformance({
  describe: describe.concurrent,
  it,
  engine: { name: 'redis', factory: createRedisBackend, connection },
});

describe('the suite itself', () => {
  it('has a name for every behaviour, and enough of them', () => {
    expect(behaviours.length).toBeGreaterThan(1_000);
    expect(behaviours.every(it => it.group !== '' && it.name !== '')).toBe(true);
  });

  it('finds no difference between Redis and Redis under another prefix', { timeout: 120_000 }, async () => {
    const oracle = { name: 'redis', factory: createRedisBackend, connection };
    await compareEngines({
      subject: { ...oracle, name: 'redis (other prefix)', prefix: 'other' },
      oracle,
      runs: 8,
    });
  });
});
