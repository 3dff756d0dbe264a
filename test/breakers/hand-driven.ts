import { onTestFinished } from 'vitest';
import { Breaker, type BreakerOptions } from '../../src/breakers/index.ts';
import { isSpillwayError } from '../../src/shared/errors.ts';
import { ManualWorld } from './manual-world.ts';

/** A breaker in a world of its own, whose calls end when the test says so. */
export function handDriven(options: BreakerOptions<[string], string> = {}) {
  const world = new ManualWorld();
  const calls: { argument: string; resolve(value?: string): void; reject(error: unknown): void }[] = [];
  const breaker = new Breaker<[string], Promise<string>>(
    'service',
    (argument: string) =>
      new Promise<string>((resolve, reject) => {
        calls.push({ argument, resolve: (value = `${argument}!`) => resolve(value), reject });
      }),
    { minimumCalls: 2, openJitter: 0, ...options } as BreakerOptions<[string], Promise<string>>,
    world,
  );
  onTestFinished(() => breaker.shutdown());
  const fail = async (times: number) => {
    for (let time = 0; time < times; time += 1) {
      const outcome = breaker.fire('x').catch(() => undefined);
      calls.at(-1)!.reject(new Error('down'));
      await outcome;
    }
  };
  return { world, breaker, calls, fail };
}

/** What a call rejected with: the code where it is ours. */
export async function codeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return isSpillwayError(error) ? error.code : error;
  }
  return 'resolved';
}
