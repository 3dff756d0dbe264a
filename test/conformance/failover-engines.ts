import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import type { EngineUnderTest } from '../../src/engines/conformance/index.ts';
import {
  createFailoverBackend,
  type FailoverConnectionOptions,
  failoverOf,
} from '../../src/engines/failover/index.ts';
import { startRedis } from '../servers/index.ts';
import { watched } from './watched.ts';

export interface Started {
  engine: EngineUnderTest;
  stop(): Promise<void>;
}

/** The failover engine in one state: `primary` on a Redis of its own, `standby` with nobody at the primary's port. */
export async function startFailover(name: string, state: 'primary' | 'standby'): Promise<Started> {
  const server = await startRedis();
  const { port } = server;
  if (state === 'standby') await server.stop();
  const folder = mkdtempSync(join(tmpdir(), 'spillway-conformance-'));
  const connection: FailoverConnectionOptions = {
    redis: { host: '127.0.0.1', port },
    sqlite: { file: join(folder, 'standby.db') },
  };
  // As in a program that runs, the state is known before a behaviour begins.
  const held = new Queue('held', { connection } as never, createFailoverBackend as never);
  const controller = failoverOf(held as never);
  await controller.started;
  if (controller.state !== state) throw new Error(`the engine is on ${controller.state}, not on ${state}`);
  return {
    engine: {
      name,
      factory: watched((...given) =>
        createFailoverBackend(...(given as Parameters<typeof createFailoverBackend>)),
      ),
      connection: () => connection,
    },
    stop: async () => {
      await held.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
