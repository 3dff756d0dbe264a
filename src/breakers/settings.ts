import { inspect } from 'node:util';
import { SpillwayError } from '../shared/errors.ts';
import { alternatives } from '../shared/unknown-option.ts';
import { classifyError } from './classify.ts';
import type { MachineSettings } from './machine.ts';
import { presets } from './presets.ts';
import { type BreakerMode, type BreakerOptions, type BreakerSettings, breakerModes } from './types.ts';
import type { Verdict } from './verdict.ts';
import type { WindowSettings } from './window.ts';

const DEFAULTS = {
  timeoutMs: 10_000,
  window: { ms: 10_000 },
  minimumCalls: 10,
  failurePercent: 50,
  slowMs: false,
  slowPercent: 100,
  openMs: 30_000,
  openFactor: 2,
  openMaxMs: 300_000,
  openJitter: 0.1,
  probes: 1,
  probeWaitMs: 30_000,
  concurrency: Number.POSITIVE_INFINITY,
  queueSize: 0,
  queueWaitMs: 10_000,
  attempts: 1,
  retryMs: 200,
  retryFactor: 2,
  retryMaxMs: 5_000,
  retryJitter: 0.5,
  maxCoolDownMs: 3_600_000,
} as const satisfies Required<BreakerSettings>;

export type FullSettings = Required<BreakerSettings>;

export interface CoreOptions extends FullSettings {
  readonly mode: BreakerMode;
  readonly classify: (error: unknown) => Verdict;
  readonly classifyResult: ((result: never) => Verdict) | undefined;
}

/** Options with every default filled in; what has no default is undefined. */
export interface FullOptions<A extends unknown[], R> extends CoreOptions {
  readonly withContext: boolean;
  readonly fallback: BreakerOptions<A, R>['fallback'] | undefined;
}

interface Rule {
  readonly range: string;
  accepts(value: unknown): boolean;
}

const LONGEST_MS = 2_147_483_647;
const number = (value: unknown, low: number, high: number): value is number =>
  typeof value === 'number' && value >= low && value <= high;

const duration: Rule = {
  range: `milliseconds above 0 up to ${LONGEST_MS}`,
  accepts: value => number(value, 0, LONGEST_MS) && value > 0,
};
const durationOrFalse: Rule = {
  range: `${duration.range}, or false`,
  accepts: value => value === false || duration.accepts(value),
};
const percent: Rule = {
  range: 'a percentage above 0 up to 100',
  accepts: value => number(value, 0, 100) && value > 0,
};
const share: Rule = { range: 'a number from 0 to 1', accepts: value => number(value, 0, 1) };
const factor: Rule = { range: 'a number from 1 to 100', accepts: value => number(value, 1, 100) };
const whole = (low: number, high: number): Rule => ({
  range: `a whole number from ${low} to ${high}`,
  accepts: value => Number.isInteger(value) && number(value, low, high),
});
const oneOf = (values: readonly string[]): Rule => ({
  range: values.join(', '),
  accepts: value => values.includes(value as string),
});
const callable: Rule = { range: 'a function', accepts: value => typeof value === 'function' };

const windowRule: Rule = {
  range: '{ calls: 1 to 1000000 } or { ms: 1 to 86400000, buckets: 1 to 1000 }',
  accepts(value) {
    if (typeof value !== 'object' || value === null) return false;
    const { calls, ms, buckets, ...rest } = value as Record<string, unknown>;
    if (Object.keys(rest).length > 0) return false;
    if (calls !== undefined) return ms === undefined && buckets === undefined && whole(1, 1e6).accepts(calls);
    return number(ms, 1, 86_400_000) && (buckets === undefined || whole(1, 1_000).accepts(buckets));
  },
};

const rules: Record<keyof BreakerSettings, Rule> = {
  timeoutMs: durationOrFalse,
  window: windowRule,
  minimumCalls: whole(1, 1e6),
  failurePercent: percent,
  slowMs: durationOrFalse,
  slowPercent: percent,
  openMs: duration,
  openFactor: factor,
  openMaxMs: duration,
  openJitter: share,
  probes: whole(1, 1_000),
  probeWaitMs: duration,
  concurrency: {
    range: 'a whole number from 1 up, or Infinity',
    accepts: value => value === Number.POSITIVE_INFINITY || whole(1, Number.MAX_SAFE_INTEGER).accepts(value),
  },
  queueSize: whole(0, 1e6),
  queueWaitMs: duration,
  attempts: whole(1, 100),
  retryMs: duration,
  retryFactor: factor,
  retryMaxMs: duration,
  retryJitter: share,
  maxCoolDownMs: duration,
};

const optionRules: Record<Exclude<keyof BreakerOptions, keyof BreakerSettings>, Rule> = {
  preset: oneOf(Object.keys(presets)),
  mode: oneOf(breakerModes),
  withContext: { range: 'true or false', accepts: value => typeof value === 'boolean' },
  classify: callable,
  classifyResult: callable,
  fallback: callable,
};

/** Opossum's names for what has another here: who moves must not lose a setting in silence. */
const fromOpossum: Readonly<Record<string, string>> = {
  timeout: 'timeoutMs',
  errorThresholdPercentage: 'failurePercent',
  resetTimeout: 'openMs',
  rollingCountTimeout: 'window: { ms }',
  rollingCountBuckets: 'window: { ms, buckets }',
  volumeThreshold: 'minimumCalls',
  capacity: 'concurrency',
  errorFilter: "classify, answering 'success'",
  abortController: 'withContext, whose signal is each call’s own',
  autoRenewAbortController: 'withContext, whose signal is each call’s own',
  enabled: "mode: 'disabled' where it is false,",
  allowWarmUp: 'minimumCalls',
  name: 'the first argument',
};

/** Throws SPILLWAY_INVALID_OPTION, which names the option, its range and the value received. */
export function resolveOptions<A extends unknown[], R>(
  breaker: string,
  given: BreakerOptions<A, R>,
): FullOptions<A, R> {
  check(breaker, given, { ...rules, ...optionRules });
  const { preset, mode, withContext, classify, classifyResult, fallback, ...settings } = given;
  const base: BreakerOptions = preset === undefined ? {} : presets[preset];
  return {
    ...completeSettings(breaker, merge(base, settings)),
    mode: mode ?? 'automatic',
    withContext: withContext ?? false,
    classify: classify ?? classifyError,
    classifyResult: classifyResult ?? base.classifyResult,
    fallback,
  };
}

/** These settings changed; throws as `resolveOptions` does, and then nothing is changed. */
export function changeSettings(
  breaker: string,
  settings: FullSettings,
  changes: BreakerSettings,
): FullSettings {
  check(breaker, changes, rules);
  return completeSettings(breaker, merge(settings, changes));
}

/** A limit that was not given moves with the value it bounds. */
function merge(base: BreakerSettings, given: BreakerSettings): BreakerSettings {
  const kept = pick(base);
  const { openMs, retryMs } = given;
  if (openMs !== undefined && openMs > (kept.openMaxMs ?? 0)) delete kept.openMaxMs;
  if (retryMs !== undefined && retryMs > (kept.retryMaxMs ?? 0)) delete kept.retryMaxMs;
  return { ...kept, ...pick(given) };
}

function completeSettings(breaker: string, given: BreakerSettings): FullSettings {
  const window: WindowSettings = given.window ?? DEFAULTS.window;
  const windowCalls = 'calls' in window ? window.calls : Number.POSITIVE_INFINITY;
  const openMs = given.openMs ?? DEFAULTS.openMs;
  const retryMs = given.retryMs ?? DEFAULTS.retryMs;
  const settings: FullSettings = {
    ...DEFAULTS,
    minimumCalls: Math.min(DEFAULTS.minimumCalls, windowCalls),
    openMaxMs: Math.max(DEFAULTS.openMaxMs, openMs),
    retryMaxMs: Math.max(DEFAULTS.retryMaxMs, retryMs),
    ...given,
  };
  const { minimumCalls, openMaxMs, retryMaxMs } = settings;
  if (minimumCalls > windowCalls)
    throw invalid(
      breaker,
      'minimumCalls',
      `a whole number from 1 to ${windowCalls}, the calls of its window`,
      minimumCalls,
    );
  if (openMaxMs < openMs)
    throw invalid(breaker, 'openMaxMs', `milliseconds from openMs (${openMs}) up`, openMaxMs);
  if (retryMaxMs < retryMs)
    throw invalid(breaker, 'retryMaxMs', `milliseconds from retryMs (${retryMs}) up`, retryMaxMs);
  return settings;
}

/** What the state machine needs of them. */
export function machineSettings(settings: FullSettings): MachineSettings {
  const { openMs, openFactor, openMaxMs, openJitter, timeoutMs, probeWaitMs } = settings;
  return {
    window: settings.window,
    minimumCalls: settings.minimumCalls,
    failurePercent: settings.failurePercent,
    // Where no call is slow, none of those that are out can still become it.
    slowPercent: settings.slowMs === false ? Number.POSITIVE_INFINITY : settings.slowPercent,
    open: { ms: openMs, factor: openFactor, maxMs: openMaxMs, jitter: openJitter },
    probes: settings.probes,
    probeMs: timeoutMs === false ? probeWaitMs : Math.min(timeoutMs, probeWaitMs),
  };
}

export function checkMode(breaker: string, mode: unknown): asserts mode is BreakerMode {
  if (!optionRules.mode.accepts(mode)) throw invalid(breaker, 'mode', optionRules.mode.range, mode);
}

/** Names stand in messages, logs and paths. */
export function checkName(kind: 'breaker' | 'chain' | 'provider', name: unknown): asserts name is string {
  if (typeof name === 'string' && /^[^\p{Cc}/]{1,100}$/u.test(name)) return;
  throw new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `The name of a ${kind} must be a text of 1 to 100 characters without line breaks and '/'; received ${shown(name)}`,
    { details: { option: 'name', range: '1 to 100 characters' } },
  );
}

export function checkFunction(breaker: string, fn: unknown): void {
  if (typeof fn === 'function') return;
  throw new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `The function of breaker ${JSON.stringify(breaker)} must be a function; received a value of type ${typeof fn}`,
    { details: { breaker, option: 'fn', range: 'a function' } },
  );
}

/** What a guard is given to guard. Without its value: a client may hold a password. */
export function checkGuarded(
  breaker: string,
  option: string,
  value: unknown,
  methods: readonly string[],
  what: string,
): void {
  checkName('breaker', breaker);
  const given = (value ?? {}) as Record<string, unknown>;
  if (methods.every(method => typeof given[method] === 'function')) return;
  throw invalid(breaker, option, `${what}, with ${methods.join(' and ')}`, typeof value);
}

function check(breaker: string, given: object, known: Readonly<Record<string, Rule>>): void {
  if (typeof given !== 'object' || given === null) throw invalid(breaker, 'options', 'an object', given);
  for (const [option, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(known, option) ? known[option] : undefined;
    if (rule === undefined) {
      const instead = Object.hasOwn(fromOpossum, option)
        ? `opossum's ${option} is ${fromOpossum[option]} here`
        : undefined;
      // A text or an object that nobody knows may be a secret.
      const told = typeof value === 'number' || typeof value === 'boolean' ? value : typeof value;
      const others = instead === undefined ? alternatives(option, Object.keys(known)) : ` (${instead})`;
      throw invalid(breaker, option, `absent: there is no such option${others}`, told);
    }
    if (!rule.accepts(value)) throw invalid(breaker, option, rule.range, value);
  }
}

export function invalid(breaker: string, option: string, range: string, value: unknown): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of breaker ${JSON.stringify(breaker)} must be ${range}; received ${shown(value)}`,
    { details: { breaker, option, range, received: shown(value) } },
  );
}

function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  return inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY }).slice(0, 100);
}

/** The settings among these options that are given. */
function pick(options: BreakerSettings): BreakerSettings {
  const given = ([key, value]: [string, unknown]) => Object.hasOwn(rules, key) && value !== undefined;
  return Object.fromEntries(Object.entries(options).filter(given));
}
