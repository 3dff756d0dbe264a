import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRedisBackend } from 'bullmq';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { conformance } from '../../src/engines/conformance/index.ts';
import { createSqliteBackend } from '../../src/engines/sqlite/index.ts';
import { type RedisServer, startRedis } from '../servers/index.ts';
import { compareEngines } from './model.ts';

const folder = mkdtempSync(join(tmpdir(), 'spillway-conformance-'));
const engine = {
  name: 'sqlite',
  factory: createSqliteBackend,
  connection: () => ({ file: join(folder, 'q.db') }),
};
let server: RedisServer | undefined;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

// Most of a behaviour is waiting.
conformance({ describe: describe.concurrent, it, engine });

describe('model', () => {
  it('answers random commands as Redis does', { timeout: 120_000 }, async () => {
    const redis = () => ({ host: '127.0.0.1', port: server?.port ?? 0 });
    await compareEngines({
      subject: engine,
      oracle: { name: 'redis', factory: createRedisBackend, connection: redis },
      runs: 15,
    });
  });
});
