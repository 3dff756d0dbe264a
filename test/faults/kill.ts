import { setTimeout as delay } from 'node:timers/promises';
import { type SeededRandom, seededRandom } from '../support/random.ts';
import type { ScriptExit, ScriptProcess } from './spawn-script.ts';

export interface KillAtRandomOptions {
  /** A seed, printed by the test when it fails, or a source that is already running. */
  seed: number | SeededRandom;
  /** The kill follows one of these messages of the script, both ends included. */
  messages: [first: number, last: number];
  /** And then waits up to this long, a fraction drawn too, so that it hits between messages. 2 ms when not given. */
  withinMs?: number;
}

export interface Kill extends ScriptExit {
  /** The message it followed. */
  afterMessage: number;
}

/**
 * `kill -9` at a moment drawn from a seed: after the nth message, plus a moment. The draw can be replayed, the exact
 * instruction it hits cannot: what a test asserts must hold wherever it hits.
 */
export async function killAtRandom(script: ScriptProcess, options: KillAtRandomOptions): Promise<Kill> {
  const { seed, messages, withinMs = 2 } = options;
  const random = typeof seed === 'number' ? seededRandom(seed) : seed;
  const afterMessage = random.int(...messages);
  const moment = random.next() * withinMs;
  await script.messageCount(afterMessage);
  if (moment >= 1) await delay(moment);
  return { ...(await script.kill()), afterMessage };
}
