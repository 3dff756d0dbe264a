import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRedisBackend } from 'bullmq';
import { createSqliteBackend } from '../src/engines/sqlite/index.ts';
import { FailoverUnderTest } from '../test/conformance/failover-engines.ts';
import { compareEngines } from '../test/conformance/model.ts';
import { startRedis } from '../test/servers/index.ts';
import { checkInvariants } from '../test/sqlite-faults/invariants.ts';

/**
 * Random commands on an engine and on Redis side by side, with the wide set:
 * `npm run model -- [--engine sqlite|failover] [--runs 50] [--seed n]`. The failover engine has a healthy Redis.
 */
const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'sqlite' },
    runs: { type: 'string' },
    seed: { type: 'string' },
    length: { type: 'string' },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const runs = Number(values.runs ?? 50);
console.log(`seed ${seed}, ${runs} runs`);

const folder = mkdtempSync(join(tmpdir(), 'spillway-model-'));
const file = join(folder, 'q.db');
const redis = await startRedis();
const failover = values.engine === 'failover' ? new FailoverUnderTest('failover', 'primary') : undefined;
await failover?.start();
try {
  await compareEngines({
    subject: failover?.engine ?? {
      name: 'sqlite',
      factory: createSqliteBackend,
      connection: () => ({ file }),
    },
    oracle: {
      name: 'redis',
      factory: createRedisBackend,
      connection: () => ({ host: '127.0.0.1', port: redis.port }),
    },
    breadth: 'wide',
    length: Number(values.length ?? 30),
    runs,
    seed,
  });
  console.log('no difference', ...(failover ? [] : ['; invariants:', checkInvariants(file)]));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await failover?.stop();
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
}
