import * as z from 'zod';
import { SpillwayError } from '../shared/errors.ts';
import { noSuchOption } from '../shared/unknown-option.ts';
import { checkPostgresOptions } from './postgres-options.ts';
import { redisOptionsOf } from './redis-target.ts';
import { redisUrlRange } from './redis-url.ts';
import { type ConfigOptions, engineChoices, journalModes } from './types.ts';

const ranges: Readonly<Record<string, string>> = {
  engine: engineChoices.join(', '),
  sqlite: 'an object { file, durability, busyTimeoutMs }',
  'sqlite.file': 'a path of 1 to 4096 characters, or :memory:',
  'sqlite.durability': 'full or normal',
  'sqlite.busyTimeoutMs': 'a whole number from 100 to 600000 ms',
  redis: `${redisUrlRange}, or ioredis options`,
  postgres: 'postgres://[user:password@]host[:port]/database, a pool config or a pool',
  failover: 'an object { journal, deadlineMs, drainPerSecond }',
  'failover.journal': journalModes.join(', '),
  'failover.deadlineMs': 'a number from 100 to 60000 ms',
  'failover.drainPerSecond': 'a number from 1 to 1000000 jobs',
  prefix: '1 to 100 characters without spaces',
  shutdownTimeoutMs: 'a whole number from 0 to 86400000 ms',
  environment: 'an object of texts',
};

function isTexts(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).every(each => each === undefined || typeof each === 'string');
}

const optionsSchema = z.object({
  engine: z.enum(engineChoices).optional(),
  sqlite: z
    .strictObject({
      file: z.string().min(1).max(4096).optional(),
      durability: z.enum(['full', 'normal']).optional(),
      busyTimeoutMs: z.number().int().min(100).max(600_000).optional(),
    })
    .optional(),
  redis: z
    .union([z.string(), z.custom<object>(value => typeof value === 'object' && value !== null)])
    .optional(),
  postgres: z
    .union([
      z.string().refine(url => URL.canParse(url) && /^postgres(ql)?:$/.test(new URL(url).protocol)),
      z.custom<object>(value => typeof value === 'object' && value !== null),
    ])
    .optional(),
  failover: z
    .strictObject({
      journal: z.enum(journalModes).optional(),
      deadlineMs: z.number().min(100).max(60_000).optional(),
      drainPerSecond: z.number().min(1).max(1_000_000).optional(),
    })
    .optional(),
  prefix: z
    .string()
    .regex(/^\S{1,100}$/)
    .optional(),
  shutdownTimeoutMs: z.number().int().min(0).max(86_400_000).optional(),
  // Not z.record: process.env is no plain object to it.
  environment: z.custom<object>(isTexts).optional(),
});

/**
 * Checks the values of the options. Throws SPILLWAY_INVALID_OPTION naming the option, the range and what was received:
 * the value of a number or a name, the type alone of anything that may hold a secret.
 */
export function checkOptions(options: ConfigOptions): void {
  const result = optionsSchema.safeParse(options);
  if (result.success) {
    if (options.redis !== undefined) redisOptionsOf(options.redis);
    checkPostgresOptions(options.postgres);
    return;
  }
  const path = result.error.issues[0]?.path.map(String) ?? [];
  const unknownKey = result.error.issues.find(issue => issue.code === 'unrecognized_keys')?.keys[0];
  const option = [...path, ...(unknownKey === undefined ? [] : [unknownKey])].join('.') || 'options';
  if (unknownKey !== undefined) {
    const inside = Object.keys(ranges).filter(name => name.startsWith(`${path.join('.')}.`));
    throw noSuchOption('', option, inside);
  }
  const range = ranges[option] ?? ranges[path[0] ?? ''];
  let received: unknown = options;
  for (const step of option === 'options' ? [] : option.split('.')) {
    received = (received as Record<string, unknown> | undefined)?.[step];
  }
  throw new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} must be ${range ?? 'valid'}; received ${show(option, received)}`,
    { details: { option, range } },
  );
}

const openlyShown = new Set([
  'engine',
  'sqlite.durability',
  'sqlite.busyTimeoutMs',
  'failover.journal',
  'prefix',
  'shutdownTimeoutMs',
]);

function show(option: string, value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (openlyShown.has(option) && typeof value === 'string') return JSON.stringify(value.slice(0, 100));
  if (value === null) return 'null';
  return typeof value === 'string'
    ? 'a text (not shown: it may hold a secret)'
    : `a value of type ${typeof value}`;
}
