import type { JobsOptions } from 'bullmq';
import { PRIORITY_LIMIT } from 'bullmq';
import { SpillwayError } from '../shared/errors.ts';
import { misspeltOption } from './known-options.ts';
import { describePlace, type PayloadPlace } from './payload.ts';

type Check = (value: unknown) => boolean;
interface Rule {
  option: string;
  range: string;
  accepts: Check;
}

const whole = (least: number, most = Number.MAX_SAFE_INTEGER): Check => {
  return value => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
};
const milliseconds: Check = value =>
  typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
const msRange = `a number of milliseconds from 0 to ${Number.MAX_SAFE_INTEGER}`;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

const backoff: Check = value => {
  if (!isObject(value)) return milliseconds(value);
  const { type, delay, jitter } = value;
  return (
    typeof type === 'string' &&
    (delay === undefined || milliseconds(delay)) &&
    (jitter === undefined || (typeof jitter === 'number' && jitter >= 0 && jitter <= 1))
  );
};

export const keep: Check = value => {
  if (typeof value === 'boolean') return true;
  if (!isObject(value)) return whole(-1)(value);
  return (
    (value.age === undefined || whole(0)(value.age)) &&
    (value.count === undefined || whole(-1)(value.count)) &&
    (value.limit === undefined || whole(1)(value.limit))
  );
};
export const keepRange =
  'true, false, a whole number of jobs from -1 (all) up, or { age: seconds, count, limit } of whole numbers';

/**
 * BullMQ's own rules, and those it forgets: it stores a delay of NaN, a negative priority and an id it cannot
 * address later, and fails untyped on others.
 */
const rules: readonly Rule[] = [
  { option: 'delay', range: msRange, accepts: milliseconds },
  {
    option: 'priority',
    range: `a whole number from 0 (none, runs first) to ${PRIORITY_LIMIT}`,
    accepts: whole(0, PRIORITY_LIMIT),
  },
  { option: 'attempts', range: 'a whole number from 0 up', accepts: whole(0) },
  { option: 'timestamp', range: msRange, accepts: milliseconds },
  {
    option: 'backoff',
    range: `${msRange}, or { type, delay, jitter } with a jitter from 0 to 1`,
    accepts: backoff,
  },
  { option: 'removeOnComplete', range: keepRange, accepts: keep },
  { option: 'removeOnFail', range: keepRange, accepts: keep },
  { option: 'lifo', range: 'true or false', accepts: value => typeof value === 'boolean' },
  {
    option: 'parent',
    range: 'an object { id, queue } of texts',
    accepts: value => isObject(value) && typeof value.id === 'string' && typeof value.queue === 'string',
  },
  { option: 'keepLogs', range: 'a whole number from 0 up', accepts: whole(0) },
  { option: 'stackTraceLimit', range: 'a whole number from 0 up', accepts: whole(0) },
  { option: 'sizeLimit', range: 'a whole number of bytes from 0 up', accepts: whole(0) },
  {
    option: 'deduplication',
    range: `an object with an id that is not empty, and with a ttl, if any, of ${msRange}`,
    accepts: value =>
      isObject(value) &&
      typeof value.id === 'string' &&
      value.id !== '' &&
      // BullMQ takes any other for none: the key would hold until its job ends.
      (value.ttl === undefined || milliseconds(value.ttl)),
  },
  {
    option: 'jobId',
    range: 'a text that is not empty, not a whole number, and without ":"',
    accepts: value =>
      typeof value === 'string' && value !== '' && !value.includes(':') && !/^-?\d+$/.test(value),
  },
];

const dependencyOptions = [
  'failParentOnFailure',
  'continueParentOnFailure',
  'ignoreDependencyOnFailure',
  'removeDependencyOnFailure',
] as const;

/**
 * Refuses a job that BullMQ would store wrongly or reject untyped: SPILLWAY_INVALID_JOB naming the option, its range and the
 * value received. It looks at the options only; `checkJobData` and the schema look at the payload.
 */
export function checkJob(place: PayloadPlace, options: JobsOptions | undefined): void {
  if (typeof place.job !== 'string') {
    throw refuse({ ...place, job: String(place.job) }, 'name', 'a text', typeof place.job);
  }
  if (options === undefined || options === null) return;
  if (typeof options !== 'object')
    throw refuse(place, 'options', 'an object { delay, attempts, … }', show(options));
  const misspelt = misspeltOption('job', options);
  if (misspelt !== undefined) {
    const { option, meant } = misspelt;
    throw refuse(
      place,
      option,
      `absent: there is no such option; did you mean ${meant}?`,
      show(Reflect.get(options, option)),
    );
  }
  const given = options as Record<string, unknown>;
  for (const { option, range, accepts } of rules) {
    const value = given[option];
    if (value !== undefined && !accepts(value)) throw refuse(place, option, range, show(value));
  }
  if (Object.hasOwn(given, 'debounce')) {
    throw refuse(place, 'debounce', 'absent: it is called deduplication since BullMQ 6', 'a value');
  }
  if (Object.hasOwn(given, 'repeat')) {
    const range = 'absent: since BullMQ 6 it is upsertJobScheduler that repeats jobs';
    throw refuse(place, 'repeat', range, show(given.repeat));
  }
  const together = dependencyOptions.filter(option => given[option]);
  if (together.length > 1) {
    throw refuse(
      place,
      together[0] ?? '',
      `the only one of ${dependencyOptions.join(', ')}`,
      together.join(' and '),
    );
  }
  if (given.deduplication !== undefined && given.parent !== undefined) {
    throw refuse(place, 'deduplication', 'absent where parent is set', 'both');
  }
}

/**
 * Whole milliseconds, rounded up so that no job runs early: Redis takes fractions, PostgreSQL and SQLite do not.
 */
export function wholeMilliseconds<T extends JobsOptions | undefined>(options: T): T {
  if (options === undefined || options === null) return options;
  const { delay, timestamp } = options;
  const rounded = {
    ...(delay === undefined || Number.isInteger(delay) ? {} : { delay: Math.ceil(delay) }),
    ...(timestamp === undefined || Number.isInteger(timestamp) ? {} : { timestamp: Math.ceil(timestamp) }),
  };
  return 'delay' in rounded || 'timestamp' in rounded ? { ...options, ...rounded } : options;
}

/**
 * Refuses a payload that JSON cannot carry (circular, BigInt, a function, nothing but functions) and one above `sizeLimit`.
 * Stringifying twice would cost every good job, so this full look is taken only where something went wrong or
 * `sizeLimit` asks for it; `losesEverything` is the cheap part for every job.
 */
export function checkJobData(place: PayloadPlace, data: unknown, sizeLimit?: number): void {
  if (losesEverything(data)) {
    throw refuse(
      place,
      'data',
      'a value that JSON can carry',
      `${describeLoss(data)}, of which nothing would be stored`,
    );
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    // The engine's message names the property path of a circle and never a value.
    const reason = error instanceof Error ? error.message.split('\n')[0] : 'it cannot be stringified';
    throw refuse(place, 'data', 'a value that JSON can carry', `one that it cannot: ${reason}`);
  }
  if (sizeLimit !== undefined && text !== undefined) {
    const bytes = Buffer.byteLength(text);
    if (bytes > sizeLimit) {
      throw refuse(place, 'data', `at most ${sizeLimit} bytes of JSON (sizeLimit)`, `${bytes} bytes`);
    }
  }
}

/** Whether JSON would silently keep nothing: a function, a symbol, or an object that holds only those. */
export function losesEverything(data: unknown): boolean {
  if (typeof data === 'function' || typeof data === 'symbol') return true;
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return false;
  if (typeof (data as { toJSON?: unknown }).toJSON === 'function') return false;
  let any = false;
  for (const key in data) {
    if (!Object.hasOwn(data, key)) continue;
    const value = (data as Record<string, unknown>)[key];
    if (typeof value !== 'function' && typeof value !== 'symbol') return false;
    any = true;
  }
  return any;
}

function describeLoss(data: unknown): string {
  return typeof data === 'object' ? 'an object of nothing but functions' : `a ${typeof data}`;
}

export function show(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value);
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100));
  if (isObject(value)) {
    const fields = Object.entries(value).map(
      ([key, each]) => `${key}: ${isObject(each) ? 'an object' : String(each)}`,
    );
    return `{ ${fields.join(', ').slice(0, 200)} }`;
  }
  return `a value of type ${typeof value}`;
}

export function refuse(place: PayloadPlace, option: string, range: string, received: string): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_JOB',
    `${describePlace(place)} was not stored: ${option} must be ${range}; received ${received}`,
    { details: { ...place, option, range, received } },
  );
}
