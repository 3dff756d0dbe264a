import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Contender } from './contenders.ts';
import { startRedisServer } from './redis-server.ts';
import type { StoreAddress } from './store.ts';

export interface OpenStore {
  readonly address: StoreAddress;
  /** Ends the server, if there is one, and removes every file. */
  close(): Promise<void>;
}

// Whatever way the command ends, no files of ours stay behind. Registered after the one that ends the servers.
const folders = new Set<string>();
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** An empty store in a folder of its own below `directory`. */
export async function openStore(
  contender: Contender,
  directory: string,
  redisBinary: string,
): Promise<OpenStore> {
  if (contender.store === 'none') return { address: { kind: 'none' }, close: async () => {} };
  const folder = await mkdtemp(join(directory, 'run-'));
  folders.add(folder);
  const remove = async () => {
    await rm(folder, { recursive: true, force: true });
    folders.delete(folder);
  };
  switch (contender.store) {
    case 'redis':
    case 'redis and standby': {
      const server = await startRedisServer(redisBinary, folder);
      const { port } = server;
      const file = join(folder, 'standby.db');
      return {
        address: contender.store === 'redis' ? { kind: 'redis', port } : { kind: 'failover', port, file },
        async close() {
          await server.stop();
          await remove();
        },
      };
    }
    case 'sqlite full':
    case 'sqlite normal': {
      const durability = contender.store === 'sqlite full' ? 'full' : 'normal';
      return { address: { kind: 'sqlite', file: join(folder, 'bench.db'), durability }, close: remove };
    }
  }
}
