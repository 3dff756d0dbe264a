import { join } from 'node:path';
import type { ConfigOptions } from '../../src/index.ts';
import { startPostgres, startRedis } from '../servers/index.ts';
import { removeTempDir, tempDir } from '../support/temp-dir.ts';

/** One engine to run a test on. */
export interface TestEngine {
  /** Options for `createSpillway` in this process or another: plain JSON. */
  options: Pick<ConfigOptions, 'engine' | 'sqlite' | 'redis' | 'postgres'>;
  stop(): Promise<void>;
}

/** The engines the tests of the runtime run on. */
export const testedEngines = ['failover', 'redis', 'sqlite', 'postgres'] as const;

export async function startEngine(name: (typeof testedEngines)[number]): Promise<TestEngine> {
  switch (name) {
    case 'failover': {
      const folder = tempDir('runtime');
      const redis = await startRedis();
      return {
        options: { engine: 'failover', redis: redis.url, sqlite: { file: join(folder, 'standby.db') } },
        stop: async () => {
          await redis.stop();
          removeTempDir(folder);
        },
      };
    }
    case 'redis': {
      const redis = await startRedis();
      return { options: { engine: 'redis', redis: redis.url }, stop: () => redis.stop() };
    }
    case 'sqlite': {
      const folder = tempDir('runtime');
      return {
        options: { engine: 'sqlite', sqlite: { file: join(folder, 'jobs.db') } },
        stop: async () => removeTempDir(folder),
      };
    }
    case 'postgres': {
      const postgres = await startPostgres();
      return { options: { engine: 'postgres', postgres: postgres.url }, stop: () => postgres.stop() };
    }
  }
}
