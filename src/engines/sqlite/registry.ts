import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SpillwayError } from '../../shared/errors.ts';
import type { ResolvedOptions } from './options.ts';
import { Store } from './store.ts';

interface Entry {
  store: Store;
  holders: number;
}

/** The files this process has open: one connection each, whatever the number of queues and workers on it. */
const open = new Map<string, Entry>();

/** A share in an open file; the last one released closes it. */
export interface StoreHandle {
  readonly store: Store;
  release(): Promise<void>;
}

/**
 * Opens a file, or joins those who have it open in this process.
 * @throws SpillwayError SPILLWAY_INVALID_OPTION when they opened it with another durability, and whatever `openFile` finds.
 */
export function acquireStore(options: ResolvedOptions): StoreHandle {
  const key = identify(options.file);
  let entry = open.get(key);
  if (entry === undefined) {
    entry = { store: new Store(options), holders: 0 };
    open.set(key, entry);
  } else if (entry.store.options.durability !== options.durability) {
    throw new SpillwayError(
      'SPILLWAY_INVALID_OPTION',
      `${options.file} is open in this process with durability "${entry.store.options.durability}"; it can't be opened with "${options.durability}" at the same time. Use one durability for a file.`,
      { details: { option: 'connection.durability' } },
    );
  }
  const joined = entry;
  joined.holders += 1;
  let released: Promise<void> | undefined;
  return {
    store: joined.store,
    release() {
      released ??= (async () => {
        joined.holders -= 1;
        if (joined.holders > 0) return;
        open.delete(key);
        await joined.store.close();
      })();
      return released;
    },
  };
}

/** Two paths to one file are one file; the file itself may not exist yet. */
function identify(file: string): string {
  if (file === ':memory:') return file;
  try {
    return realpathSync(file);
  } catch {
    try {
      return join(realpathSync(dirname(file)), basename(file));
    } catch {
      return file;
    }
  }
}
