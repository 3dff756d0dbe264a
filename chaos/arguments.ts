import { parseArgs } from 'node:util';
import { ENGINES, type EngineName, JOURNALS, type Journal } from './engine.ts';
import type { RunSettings } from './harness/run-fault.ts';

export interface Args extends Omit<RunSettings, 'seed' | 'latenessMs'> {
  /** The faults to make, in this order; all when empty. */
  readonly faults: readonly string[];
  /** Undefined: a fresh one. */
  readonly seed: number | undefined;
  /** Where the results go besides the screen. */
  readonly json: string | undefined;
  readonly list: boolean;
  readonly help: boolean;
}

export const usage = `node chaos/main.ts [options]

  --fault <name,...>   these faults only (default: all; --list names them)
  --engine <name>      failover (default), or redis: plain BullMQ, to compare with
  --seed <n>           draws the same moments as another run (default: a fresh one, printed)
  --seconds <n>        traffic before each strike and after the last, 0.5 to 3600 (default 3)
  --rate <n>           jobs a second, 2 to 20000 (default: the fault's, 200 for most)
  --cycles <n>         strikes in each run, 1 to 1000 (default: the fault's, 1 for most)
  --journal <mode>     off, until-persisted or until-completed (default: what the fault needs)
  --idempotent         handlers record the work they did: nothing may run twice
  --json <file>        writes all figures there
  --list               lists the faults
  --help               this text`;

/** Reads the command line. Throws a RangeError or TypeError that names the option and the value received. */
export function readArgs(argv: readonly string[], known: readonly string[]): Args {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      fault: { type: 'string', multiple: true, default: [] },
      engine: { type: 'string', default: 'failover' },
      seed: { type: 'string' },
      seconds: { type: 'string', default: '3' },
      rate: { type: 'string' },
      cycles: { type: 'string' },
      journal: { type: 'string' },
      idempotent: { type: 'boolean', default: false },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const faults = values.fault.flatMap(list => list.split(',')).map(name => name.trim());
  const unknown = faults.find(name => !known.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(`no fault is called '${unknown}'; there are: ${known.join(', ')}`);
  }
  return {
    faults: [...new Set(faults)],
    engine: oneOf<EngineName>('--engine', values.engine, ENGINES),
    seed: optional(values.seed, text => wholeNumber('--seed', text, 0, 2 ** 32 - 1)),
    seconds: number('--seconds', values.seconds, 0.5, 3600),
    rate: optional(values.rate, text => wholeNumber('--rate', text, 2, 20_000)),
    cycles: optional(values.cycles, text => wholeNumber('--cycles', text, 1, 1000)),
    journal: optional(values.journal, text => oneOf<Journal>('--journal', text, JOURNALS)),
    idempotent: values.idempotent,
    json: values.json,
    list: values.list,
    help: values.help,
  };
}

function optional<T>(text: string | undefined, read: (text: string) => T): T | undefined {
  return text === undefined ? undefined : read(text);
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = number(option, text, least, most);
  if (Number.isInteger(value)) return value;
  throw new RangeError(`${option} must be a whole number from ${least} to ${most}, got '${text}'`);
}

function number(option: string, text: string, least: number, most: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= least && value <= most) return value;
  throw new RangeError(`${option} must be a number from ${least} to ${most}, got '${text}'`);
}

function oneOf<T extends string>(option: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find(each => each === text);
  if (found !== undefined) return found;
  throw new RangeError(`${option} must be one of ${allowed.join(', ')}, got '${text}'`);
}
