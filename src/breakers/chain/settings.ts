import { inspect } from 'node:util';
import { SpillwayError } from '../../shared/errors.ts';
import { noSuchOption } from '../../shared/unknown-option.ts';
import type { Judgement } from '../core.ts';
import { checkName } from '../settings.ts';
import type { ChainOptions, Provider } from './types.ts';

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

interface Rule {
  readonly range: string;
  accepts(value: unknown): boolean;
}

const LONGEST_MS = 2_147_483_647;
const WHEN_ALL_OPEN: readonly unknown[] = ['fail', 'wait', 'bypass'];

const duration: Rule = {
  range: `milliseconds above 0 up to ${LONGEST_MS}`,
  accepts: value => typeof value === 'number' && value > 0 && value <= LONGEST_MS,
};
const withFunctions = (...names: readonly string[]): Rule => ({
  range: `an object with the functions ${names.join(' and ')}`,
  accepts: value =>
    typeof value === 'object' &&
    value !== null &&
    names.every(name => typeof (value as Record<string, unknown>)[name] === 'function'),
});

const rules: Record<keyof ChainOptions<never[], unknown, unknown>, Rule> = {
  whenAllOpen: { range: WHEN_ALL_OPEN.join(', '), accepts: value => WHEN_ALL_OPEN.includes(value) },
  waitMs: duration,
  firstChunkMs: duration,
  betweenChunksMs: duration,
  budget: withFunctions('allow', 'spent'),
  dedupe: withFunctions('key', 'share'),
  tryNext: { range: 'a function', accepts: value => typeof value === 'function' },
};

/** Throws SPILLWAY_INVALID_OPTION, which names the option, its range and the value received. */
export function resolveChain<A extends unknown[], R, C>(
  chain: string,
  options: ChainOptions<A, R, C>,
): ChainSettings<A, R, C> {
  if (typeof options !== 'object' || options === null) throw invalid(chain, 'options', 'an object', options);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  for (const [option, value] of Object.entries(given)) {
    const rule = Object.hasOwn(rules, option) ? rules[option as keyof typeof rules] : undefined;
    if (rule === undefined)
      throw noSuchOption(`chain ${JSON.stringify(chain)}`, option, Object.keys(rules), { chain });
    if (!rule.accepts(value)) throw invalid(chain, option, rule.range, value);
  }
  const { budget, dedupe, tryNext, ...rest } = given as ChainOptions<A, R, C>;
  return {
    ...DEFAULTS,
    ...rest,
    budget,
    dedupe,
    tryNext: (error, judgement) =>
      tryNext === undefined ? judgement !== 'success' && judgement !== 'ignore' : tryNext(error),
  };
}

/** Throws SPILLWAY_INVALID_OPTION. */
export function checkProviders<A extends unknown[], R, C>(
  chain: string,
  providers: readonly Provider<A, R, C>[],
): void {
  const list: readonly unknown[] = Array.isArray(providers) ? providers : [];
  const areObjects = list.every(each => typeof each === 'object' && each !== null);
  const names = new Set(areObjects && list.length > 0 ? providers.map(({ name }) => name) : []);
  if (names.size === 0 || names.size < list.length) {
    throw invalid(
      chain,
      'providers',
      'a list of at least one provider, each with a name of its own',
      providers,
    );
  }
  for (const provider of providers) {
    checkName('provider', provider.name);
    const { call, stream } = provider;
    const given = [call, stream].filter(each => each !== undefined);
    if (given.length === 0 || given.some(each => typeof each !== 'function')) {
      const range = 'providers that have each a function call, or stream, or both';
      throw invalid(chain, 'providers', range, provider);
    }
  }
}

function invalid(chain: string, option: string, range: string, value: unknown): SpillwayError {
  // What is in an object is not shown: a provider may hold its key.
  const isPlain = (typeof value !== 'object' || value === null) && typeof value !== 'function';
  const received = isPlain ? inspect(value).slice(0, 100) : `a value of type ${typeof value}`;
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of chain ${JSON.stringify(chain)} must be ${range}; received ${received}`,
    { details: { chain, option, range, received } },
  );
}
