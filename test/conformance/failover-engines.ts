import { join } from 'node:path';
import type { EngineUnderTest } from '../../src/engines/conformance/index.ts';
import { failoverFactory } from '../../src/engines/failover/index.ts';
import { watched } from './watched.ts';

/** Probes and returns as fast as the event loop goes; nothing is held back for the sake of calm. */
const AT_ONCE = {
  retryIntervalMs: 1,
  maxRetryIntervalMs: 100,
  probesToReturn: 1,
  holdMs: 1,
  maxHoldMs: 1,
};

/** The failover engine on a Redis at this port of the loopback, and a file in this folder. */
export function failoverEngine(name: string, port: number, folder: string): EngineUnderTest {
  const file = join(folder, 'standby.db');
  return {
    name,
    factory: watched(failoverFactory({ machine: AT_ONCE }) as never),
    connection: () => ({ redis: { host: '127.0.0.1', port }, sqlite: { file } }),
    oldestEvent: '0-0',
  };
}
