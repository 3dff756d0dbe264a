import { SpillwayError } from '../../shared/errors.ts';
import type { Judgement } from '../core.ts';
import type { ChainOptions } from './types.ts';

const DEFAULTS = {
  whenAllOpen: 'fail',
  waitMs: 30_000,
  firstChunkMs: 15_000,
  betweenChunksMs: 15_000,
} as const satisfies ChainOptions<unknown[], unknown, unknown>;

export interface ChainSettings<A extends unknown[], R, C>
  extends Required<
    Pick<ChainOptions<A, R, C>, 'whenAllOpen' | 'waitMs' | 'firstChunkMs' | 'betweenChunksMs'>
  > {
  readonly budget: ChainOptions<A, R, C>['budget'] | undefined;
  readonly dedupe: ChainOptions<A, R, C>['dedupe'] | undefined;
  readonly tryNext: (error: unknown, judgement: Judgement) => boolean;
}

const LONGEST_MS = 2_147_483_647;
const oneOf = ['fail', 'wait', 'bypass'];

/** Throws SPILLWAY_INVALID_OPTION, which names the option, its range and the value received. */
export function resolveChain<A extends unknown[], R, C>(
  chain: string,
  options: ChainOptions<A, R, C>,
): ChainSettings<A, R, C> {
  const { budget, dedupe, tryNext, ...given } = options;
  const { whenAllOpen } = given;
  if (whenAllOpen !== undefined && !oneOf.includes(whenAllOpen)) {
    throw invalid(chain, 'whenAllOpen', oneOf.join(', '), whenAllOpen);
  }
  for (const option of ['waitMs', 'firstChunkMs', 'betweenChunksMs'] as const) {
    const value = given[option];
    if (value === undefined || (value > 0 && value <= LONGEST_MS)) continue;
    throw invalid(chain, option, `milliseconds above 0 up to ${LONGEST_MS}`, value);
  }
  return {
    ...DEFAULTS,
    ...given,
    budget,
    dedupe,
    tryNext: (error, judgement) =>
      tryNext === undefined ? judgement !== 'success' && judgement !== 'ignore' : tryNext(error),
  };
}

function invalid(chain: string, option: string, range: string, value: unknown): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of chain ${JSON.stringify(chain)} must be ${range}; received ${String(value)}`,
    { details: { chain, option, range, received: String(value) } },
  );
}
