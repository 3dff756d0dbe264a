import { parseArgs } from 'node:util';
import type { ScaleName } from './benchmark.ts';

export interface Args {
  /** The benchmarks to run, in the order of the list; all when empty. */
  readonly names: readonly string[];
  /** How often each contender is measured, 1 to 100. A benchmark may cap it. */
  readonly rounds: number;
  readonly scale: ScaleName;
  /** Where the results go; undefined for bench/results/<date>.json. */
  readonly json: string | undefined;
  /** Where stores keep their files while measured; undefined for .data/bench in the repository. */
  readonly directory: string | undefined;
  /** The first round's seed; round n uses seed + n, the same for every contender. */
  readonly seed: number;
  readonly redisServer: string;
  /** Exit 1 when a target is missed. */
  readonly strict: boolean;
  /** Measure the baseline against itself: the ratios should be about 1. */
  readonly selfCheck: boolean;
  readonly list: boolean;
  readonly help: boolean;
}

export const usage = `node bench/main.ts [names...] [options]

  --rounds <n>          rounds of each contender, interleaved (default 5)
  --quick               small amounts, for a look; the ratios are rougher
  --json <file>         where to write the results (default bench/results/<date>.json)
  --dir <folder>        where the stores keep their files (default .data/bench; not a RAM disk)
  --seed <n>            seed of the first round (default 1)
  --redis-server <bin>  the server to start (default redis-server)
  --self-check          the baseline against itself: ratios should be about 1
  --strict              exit 1 when a target is missed
  --list                list the benchmarks
  --help                this text`;

/** Reads the command line. Throws a RangeError or TypeError that names the option and the value received. */
export function readArgs(argv: readonly string[], known: readonly string[]): Args {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      dir: { type: 'string' },
      seed: { type: 'string', default: '1' },
      'redis-server': { type: 'string', default: 'redis-server' },
      'self-check': { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.find(name => !known.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(`no benchmark is called '${unknown}'; there are: ${known.join(', ')}`);
  }
  return {
    names: positionals,
    rounds: wholeNumber('--rounds', values.rounds, 1, 100),
    scale: values.quick ? 'quick' : 'full',
    json: values.json,
    directory: values.dir,
    seed: wholeNumber('--seed', values.seed, 0, 2 ** 31),
    redisServer: values['redis-server'],
    strict: values.strict,
    selfCheck: values['self-check'],
    list: values.list,
    help: values.help,
  };
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${option} must be a whole number from ${least} to ${most}, got '${text}'`);
  }
  return value;
}
