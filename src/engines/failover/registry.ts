import { randomBytes } from 'node:crypto';
import { systemClock } from '../../shared/clock.ts';
import { SpillwayError } from '../../shared/errors.ts';
import { createSqliteBackend } from '../sqlite/index.ts';
import { Controller } from './controller.ts';
import { Ledger } from './ledger/index.ts';
import type { MachineOptions } from './machine.ts';
import type { ResolvedFailoverOptions } from './options.ts';
import type { Primary } from './primary/primary.ts';

interface Entry {
  controller: Controller;
  holders: number;
}

/**
 * What the engine's own tests put in place of the real pace; whoever opens a controller decides for all who join.
 *
 * @internal
 */
export interface Internals {
  machine?: MachineOptions;
}

/** This process's controllers: one for each primary and standby file. */
const open = new Map<string, Entry>();

/** A share in a controller; the last one released closes it. */
export interface ControllerShare {
  readonly controller: Controller;
  release(): Promise<void>;
}

/**
 * Opens a controller, or joins those who have it open in this process.
 * @throws SpillwayError SPILLWAY_INVALID_OPTION when they opened it with other options, and whatever opening the standby finds.
 */
export function acquireController(
  options: ResolvedFailoverOptions,
  primary: Primary,
  internals: Internals,
): ControllerShare {
  const key = `${primary.identity} ${options.sqlite.file}`;
  let entry = open.get(key);
  if (entry === undefined) {
    entry = { controller: createController(options, primary, internals), holders: 0 };
    open.set(key, entry);
  } else checkSame(entry.controller.options, options);
  const joined = entry;
  joined.holders += 1;
  let released: Promise<void> | undefined;
  return {
    controller: joined.controller,
    release() {
      released ??= (async () => {
        joined.holders -= 1;
        if (joined.holders > 0) return;
        open.delete(key);
        await joined.controller.close();
      })();
      return released;
    },
  };
}

function createController(
  options: ResolvedFailoverOptions,
  primary: Primary,
  { machine = {} }: Internals,
): Controller {
  const standby = createSqliteBackend('spillway', { connection: options.sqlite });
  return new Controller({
    options,
    machine,
    primary,
    ledger: Ledger.open(options.sqlite),
    standby,
    clock: systemClock,
    random: Math.random,
    processId: randomBytes(6).toString('hex'),
  });
}

const SHARED = ['journal', 'deadlineMs', 'drainPerSecond'] as const;

function checkSame(known: ResolvedFailoverOptions, given: ResolvedFailoverOptions): void {
  const other = SHARED.find(name => known[name] !== given[name]);
  if (other === undefined) return;
  throw new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `This process already uses this primary with ${other} ${known[other]}; it can't be ${given[other]} at the same time. Give all queues and workers the same connection options.`,
    { details: { option: `connection.${other}` } },
  );
}
