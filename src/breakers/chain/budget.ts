import { SpillwayError } from '../../shared/errors.ts';
import { noSuchOption } from '../../shared/unknown-option.ts';
import { type Surroundings, systemSurroundings } from '../surroundings.ts';
import type { BudgetedCall, BudgetGate } from './types.ts';

export interface BudgetOptions<A extends unknown[], Output> {
  /** How much may be spent in the window: tokens, cents. Above 0. */
  limit: number;
  /** The window, ms; above 0. It moves on in tenths. */
  windowMs: number;
  /** What an answer, or a chunk of a stream, has cost; 0 for one that does not say. */
  costOf(output: Output, call: BudgetedCall<A>): number;
}

/** A budget of this process. */
export interface Budget<A extends unknown[], Output> extends BudgetGate<A, Output> {
  allow(call: BudgetedCall<A>): boolean;
  /** What the calls of the last `windowMs` have cost. */
  readonly spentInWindow: number;
}

const SLICES = 10;

const known: readonly string[] = ['limit', 'windowMs', 'costOf'] satisfies (keyof BudgetOptions<
  [],
  unknown
>)[];

/**
 * Lets calls through while less than `limit` was spent in the last `windowMs`. What a call costs is known only afterwards,
 * so calls that run together may overshoot by what they cost. In this process only: with N processes, give each its Nth part.
 *
 * Throws SPILLWAY_INVALID_OPTION.
 */
export function createBudget<A extends unknown[], Output>(
  options: BudgetOptions<A, Output>,
  world: Pick<Surroundings, 'monotonic'> = systemSurroundings,
): Budget<A, Output> {
  if (typeof options !== 'object' || options === null)
    throw invalid('options', 'an object { limit, windowMs, costOf }', options);
  const unknown = Object.keys(options).find(option => !known.includes(option));
  if (unknown !== undefined) throw noSuchOption('a budget', unknown, known);
  const { limit, windowMs, costOf } = options;
  for (const [option, value] of Object.entries({ limit, windowMs })) {
    if (!(Number.isFinite(value) && value > 0)) throw invalid(option, 'a number above 0', value);
  }
  if (typeof costOf !== 'function') throw invalid('costOf', 'a function', costOf);
  const slices = new Float64Array(SLICES);
  const sliceMs = windowMs / SLICES;
  let current = Math.floor(world.monotonic() / sliceMs);
  const advance = () => {
    const now = Math.floor(world.monotonic() / sliceMs);
    for (let passed = Math.max(current + 1, now - SLICES + 1); passed <= now; passed += 1) {
      slices[passed % SLICES] = 0;
    }
    current = now;
  };
  const spent = () => {
    advance();
    return slices.reduce((sum, cost) => sum + cost, 0);
  };
  return {
    allow: () => spent() < limit,
    spent(call, output) {
      advance();
      const cost = costOf(output, call);
      if (cost > 0) slices[current % SLICES] = slices[current % SLICES]! + cost;
    },
    get spentInWindow() {
      return spent();
    },
  };
}

function invalid(option: string, range: string, value: unknown): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of a budget must be ${range}; received ${String(value)}`,
    { details: { option, range, received: String(value) } },
  );
}
