import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import {
  answerOf,
  type Behaviour,
  canonical,
  type Json,
  keyOf,
} from '../../src/engines/conformance/index.ts';
import {
  type FailoverConnectionOptions,
  type FailoverController,
  failoverFactory,
} from '../../src/engines/failover/index.ts';
import { seededRandom } from '../support/random.ts';
import { tempDir } from '../support/temp-dir.ts';
import { watched } from './watched.ts';

/**
 * How the home changes in the middle of a behaviour. `return`: it begins on the standby, and before one of its calls the
 * primary is back and has all that was on the standby. `blip`: it begins on the primary, which is away for one of its calls.
 */
export const flavours = ['return', 'blip'] as const;
export type Flavour = (typeof flavours)[number];

/** Probes and returns as fast as the event loop goes; nothing is held back for the sake of calm. */
const AT_ONCE = {
  retryIntervalMs: 1,
  maxRetryIntervalMs: 1,
  probesToReturn: 1,
  holdMs: 1,
  maxHoldMs: 1,
};

/** What does the same with a primary that is away, now or later; anything else is called when it is back. */
const WORKS_AWAY: ReadonlySet<string> = new Set([
  ...['addJob', 'addJobs', 'addFlow', 'addJobScheduler', 'pause', 'setQueueMeta', 'removeQueueMetaFields'],
  ...['moveToCompleted', 'moveToFailed', 'moveToDelayed', 'retryJob', 'moveJobFromActiveToWait'],
  ...[
    'updateProgress',
    'updateData',
    'addLog',
    'clearLogs',
    'extendLock',
    'extendLocks',
    'removeJobScheduler',
  ],
  ...['setRateLimit', 'removeRateLimitKey', 'removeDeduplicationKey', 'deleteDeduplicationKey'],
]);

/** May go on for as long as nothing happens. */
const WAITS: ReadonlySet<string> = new Set(['readEvents', 'waitForJob']);

/** The first guess at how many calls a behaviour makes. */
const FEW_CALLS = 8;

export interface Switched {
  key: string;
  flavour: Flavour;
  /** The call at which the home changed, from 1, and its name; undefined when the behaviour made fewer. */
  at: number;
  operation: string | undefined;
  /** How many calls there were. */
  calls: number;
  passed: boolean;
  answer: Json;
}

/** Runs a behaviour with a change of the home before its `at`-th call. */
export async function runSwitching(
  behaviour: Behaviour,
  expected: Json | undefined,
  flavour: Flavour,
  port: number,
  at: number,
): Promise<Switched> {
  const key = keyOf(behaviour);
  const folder = tempDir('switching');
  const connection: FailoverConnectionOptions = {
    redis: { host: '127.0.0.1', port },
    sqlite: { file: join(folder, 'standby.db'), durability: 'normal' },
    // Other tests want the processor too: a Redis that is late once would send a call by way of the file.
    deadlineMs: 10_000,
  };
  const create = failoverFactory({ machine: AT_ONCE });
  const held = create('held', { connection });
  const change = new Change(held.controller, flavour, at);
  try {
    await change.begin();
    const factory = watched(
      (...given) => create(...(given as Parameters<typeof create>)),
      (operation, run) => change.around(operation, run),
    );
    const answer = await answerOf(
      behaviour,
      { name: flavour, factory, connection: () => connection },
      LIMIT,
    ).catch((error: Error): Json => ({ error: error.message }));
    const { operation, calls } = change;
    return { key, flavour, at, operation, calls, passed: same(answer, expected), answer };
  } finally {
    await held.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const LIMIT = 5_000;

function same(answer: Json, expected: Json | undefined): boolean {
  return expected !== undefined && canonical(answer) === canonical(expected);
}

/** The same, at a call chosen by the seed. */
export async function runSwitchingBySeed(
  behaviour: Behaviour,
  expected: Json | undefined,
  flavour: Flavour,
  port: number,
  seed: number,
): Promise<Switched> {
  const random = seededRandom(seed ^ hash(`${flavour} ${keyOf(behaviour)}`));
  const first = await runSwitching(behaviour, expected, flavour, port, random.int(1, FEW_CALLS));
  if (first.operation !== undefined || first.calls === 0) return first;
  return runSwitching(behaviour, expected, flavour, port, random.int(1, first.calls));
}

function hash(text: string): number {
  let sum = 0;
  for (const letter of text) sum = (Math.imul(sum, 31) + (letter.codePointAt(0) ?? 0)) | 0;
  return sum;
}

/** Counts the calls, and changes the home before one of them. */
class Change {
  calls = 0;
  operation: string | undefined;
  readonly #controller: FailoverController;
  readonly #flavour: Flavour;
  readonly #at: number;
  #changing: Promise<void> | undefined;
  #underWay = 0;

  constructor(controller: FailoverController, flavour: Flavour, at: number) {
    this.#controller = controller;
    this.#flavour = flavour;
    this.#at = at;
  }

  async begin(): Promise<void> {
    await this.#controller.started;
    if (this.#flavour === 'return') this.#switchOff();
  }

  async around(operation: string, run: () => Promise<unknown>): Promise<unknown> {
    this.calls += 1;
    if (this.calls === this.#at) {
      this.operation = operation;
      let end = () => {};
      this.#changing = new Promise(resolve => {
        end = resolve;
      });
      return this.#change(operation, run, end);
    }
    if (this.#changing !== undefined) await this.#changing;
    return this.#count(operation, run);
  }

  async #count(operation: string, run: () => Promise<unknown>): Promise<unknown> {
    // What came back to the standby after the change is given back too, before the next call.
    while (this.#controller.givesBack) await setImmediate();
    if (WAITS.has(operation)) return run();
    this.#underWay += 1;
    try {
      return await run();
    } finally {
      this.#underWay -= 1;
    }
  }

  /** Calls under way end first: what becomes of one that is cut off depends on the moment. */
  async #change(operation: string, run: () => Promise<unknown>, end: () => void): Promise<unknown> {
    try {
      while (this.#underWay > 0) await setImmediate();
      if (this.#flavour === 'blip') this.#switchOff();
      if (this.#flavour === 'blip' && WORKS_AWAY.has(operation)) return await run();
    } finally {
      await this.#switchOn();
      end();
    }
    return this.#count(operation, run);
  }

  #switchOff(): void {
    this.#controller.switched('off', 'the test says so');
  }

  async #switchOn(): Promise<void> {
    const controller = this.#controller;
    await new Promise<void>(resolve => {
      const look = () => {
        if (controller.state !== 'primary') return;
        controller.off('state', look);
        resolve();
      };
      controller.on('state', look);
      controller.switched('on', 'the test says so');
    });
  }
}
