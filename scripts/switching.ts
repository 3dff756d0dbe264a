import { type Behaviour, behaviours, canonical, type Json, keyOf } from '../src/engines/conformance/index.ts';
import {
  type Flavour,
  flavours,
  runSwitching,
  runSwitchingBySeed,
  type Switched,
} from '../test/conformance/switching.ts';
import { startRedis } from '../test/servers/index.ts';

export interface SwitchingOptions {
  filter: string;
  seed: number;
  /** The call before which the home changes, for all; chosen by the seed when not given. `every`: one run for each. */
  at: number | 'every' | undefined;
  flavour: Flavour | undefined;
}

/** So many behaviours run at a time: they mostly wait. */
const AT_A_TIME = 6;

/** Runs the behaviours on a failover engine that changes its home in the middle of each; answers what became of them. */
export async function runAllSwitching(
  options: SwitchingOptions,
  answers: Readonly<Record<string, Json>>,
): Promise<Switched[]> {
  const server = await startRedis();
  const chosen = behaviours.filter(behaviour => keyOf(behaviour).includes(options.filter));
  const tasks = (options.flavour === undefined ? flavours : [options.flavour]).flatMap(flavour =>
    chosen.map(behaviour => ({ behaviour, flavour })),
  );
  const results: Switched[] = [];
  const runNext = async () => {
    for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
      const expected = answers[keyOf(task.behaviour)];
      results.push(...(await runTask(options, task, server.port, expected)));
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_A_TIME }, runNext));
  } finally {
    await server.stop();
  }
  return results;
}

async function runTask(
  { at, seed }: SwitchingOptions,
  { behaviour, flavour }: { behaviour: Behaviour; flavour: Flavour },
  port: number,
  expected: Json | undefined,
): Promise<Switched[]> {
  if (at === undefined) return [await runSwitchingBySeed(behaviour, expected, flavour, port, seed)];
  if (at !== 'every') return [await runSwitching(behaviour, expected, flavour, port, at)];
  const results: Switched[] = [];
  for (let call = 1; ; call++) {
    const result = await runSwitching(behaviour, expected, flavour, port, call);
    if (result.operation === undefined && call > 1) return results;
    results.push(result);
  }
}

export function describeSwitched({ key, flavour, at, operation, answer }: Switched, expected: Json): string {
  return `FAILED ${flavour} --at ${at} (${operation}) ${key}\n  expected ${canonical(expected)}\n  got      ${canonical(answer)}`;
}
