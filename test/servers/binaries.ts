import { accessSync, constants, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where Homebrew puts what it does not link (keg-only formulae), on Apple silicon and on Intel. */
const HOMEBREW = ['/opt/homebrew', '/usr/local', '/home/linuxbrew/.linuxbrew'];

/** Set to `given`, the servers of REDIS_URL and POSTGRES_URL are used although there are some on this machine. */
export const WHICH_SERVERS = 'SPILLWAY_TEST_SERVERS';

function onlyGiven(): boolean {
  return process.env[WHICH_SERVERS] === 'given';
}

/** Path of `redis-server` (or Valkey's), undefined when this machine has none. */
export function findRedisServer(): string | undefined {
  if (onlyGiven()) return undefined;
  const folders = [...pathFolders(), ...HOMEBREW.flatMap(root => [`${root}/bin`, `${root}/opt/redis/bin`])];
  return findIn(folders, 'redis-server') ?? findIn(folders, 'valkey-server');
}

/** The folder that holds `postgres` and `initdb`; the newest version when there are several. */
export function findPostgresBin(): string | undefined {
  if (onlyGiven()) return undefined;
  const versioned = ['/usr/lib/postgresql/*/bin', ...HOMEBREW.map(root => `${root}/opt/postgresql*/bin`)];
  const newestFirst = versioned.flatMap(pattern =>
    globSync(pattern).sort((a, b) => b.localeCompare(a, 'en', { numeric: true })),
  );
  return [...newestFirst, ...pathFolders()].find(
    folder => isExecutable(join(folder, 'postgres')) && isExecutable(join(folder, 'initdb')),
  );
}

function pathFolders(): string[] {
  return (process.env.PATH ?? '').split(delimiter).filter(Boolean);
}

function findIn(folders: string[], name: string): string | undefined {
  return folders.map(folder => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
