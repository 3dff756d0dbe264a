import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { createSpillway, type EngineState, type Spillway, type SpillwayOptions } from '../../src/index.ts';
import { DURABLE, type RedisOptions, type RedisServer, startRedis } from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { collectLog, type LogLine } from './collect-log.ts';

/** Writes each command before it is answered: what was acknowledged is there again after kill -9. */
/** A Redis and a standby file for one test. */
export interface Homes {
  redis: RedisServer;
  file: string;
}

export async function startHomes(options: RedisOptions = { args: DURABLE }): Promise<Homes> {
  const redis = await startRedis(options);
  onTestFinished(() => redis.stop());
  return { redis, file: join(tempDir('failover'), 'standby.db') };
}

/** A Spillway of this test, on these homes, closed before they go. Deaf to signals and to the environment, unless told. */
export function open(
  { redis, file }: Homes,
  options: SpillwayOptions = {},
): { spillway: Spillway; lines: LogLine[] } {
  const log = collectLog();
  const spillway = createSpillway({
    redis: redis.url,
    sqlite: { file },
    environment: {},
    handleSignals: false,
    logger: log.logger,
    ...options,
  });
  onTestFinished(() => spillway.close());
  return { spillway, lines: log.lines };
}

/** Waits until the failover engine is in a state. */
export async function reaches(spillway: Spillway, state: EngineState): Promise<void> {
  await eventually(() => {
    const status = spillway.failover?.status();
    if (status?.state !== state) throw new Error(`it is in ${status?.state}: ${status?.reason}`);
  });
}

/** Tries again until it does not throw, or 20 s are over. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 20_000, interval: 20 });
}
