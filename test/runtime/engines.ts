import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigOptions, EngineName } from '../../src/config/index.ts';
import { startRedis } from './redis-server.ts';

/** One engine to run a test on. */
export interface TestEngine {
  /** Options for `createSpillway` in this process or another: plain JSON. */
  options: Pick<ConfigOptions, 'engine' | 'sqlite' | 'redis'>;
  stop(): Promise<void>;
}

/** The engines the tests of the runtime run on. */
export const testedEngines: readonly EngineName[] = ['redis', 'sqlite'];

export async function startEngine(name: EngineName): Promise<TestEngine> {
  switch (name) {
    case 'redis': {
      const redis = await startRedis();
      return { options: { engine: 'redis', redis: redis.url }, stop: redis.stop };
    }
    case 'sqlite': {
      const folder = await mkdtemp(join(tmpdir(), 'spillway-runtime-'));
      return {
        options: { engine: 'sqlite', sqlite: { file: join(folder, 'jobs.db') } },
        stop: () => rm(folder, { recursive: true }),
      };
    }
    case 'postgres':
      throw new Error('The tests of the runtime do not start PostgreSQL');
  }
}
