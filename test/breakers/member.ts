import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { createSpillway, type Spillway, type SpillwayOptions } from '../../src/index.ts';
import { type ScriptProcess, spawnScript } from '../faults/index.ts';
import { collectLog } from '../runtime/collect-log.ts';

const program = fileURLToPath(new URL('./fixtures/member.ts', import.meta.url));

/** Who changes modes in these tests, and why. */
export const change = { by: 'ada', reason: 'bill unpaid' };

/** A process with breakers of these names, ended with the test. */
export async function member(
  options: SpillwayOptions,
  { breakers = ['mail'], routes = false } = {},
): Promise<ScriptProcess> {
  const child = await spawnScript(program, [JSON.stringify({ options, breakers, routes })]);
  onTestFinished(() => child[Symbol.asyncDispose]());
  await child.message(said => said === 'ready');
  return child;
}

/** A Spillway in the test's own process, closed with the test, and what it has logged. */
export function open(options: SpillwayOptions): {
  spillway: Spillway;
  lines: ReturnType<typeof collectLog>['lines'];
} {
  const { logger, lines } = collectLog();
  const spillway = createSpillway({ environment: {}, handleSignals: false, logger, ...options });
  onTestFinished(() => spillway.close());
  return { spillway, lines };
}
