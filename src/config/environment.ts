import * as z from 'zod';
import { SpillwayError } from '../shared/errors.ts';
import { maskText } from '../shared/secrets.ts';
import { nearestOption } from '../shared/unknown-option.ts';
import { parseRedisUrl, redisUrlRange } from './redis-url.ts';
import { engineChoices, journalModes } from './types.ts';

interface Variable<T> {
  /** What is accepted, in words: it stands in the error. */
  range: string;
  /** A secret is never shown; anything else is shown masked. */
  secret?: true;
  schema: z.ZodType<T, string>;
}

const booleans: Readonly<Record<string, boolean>> = {
  true: true,
  '1': true,
  yes: true,
  on: true,
  false: false,
  '0': false,
  no: false,
  off: false,
};

const flag: Variable<boolean> = {
  range: 'true, false, 1, 0, yes, no, on or off',
  schema: z.string().transform((text, context) => {
    const value = booleans[text.toLowerCase()];
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', input: text });
    return z.NEVER;
  }),
};

const integer = (least: number, most: number, unit = ''): Variable<number> => ({
  range: `a whole number from ${least} to ${most}${unit}`,
  schema: z.string().regex(/^\d+$/).transform(Number).pipe(z.number().min(least).max(most)),
});

const text = (range: string, schema: z.ZodType<string, string>): Variable<string> => ({ range, schema });

const postgresUrl = z
  .string()
  .refine(value => URL.canParse(value) && /^postgres(ql)?:$/.test(new URL(value).protocol));

const httpUrl = z.string().refine(value => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol));

/**
 * Every environment name Spillway reads. A variable that is unset, empty or blank counts as absent; spaces around
 * a value are dropped.
 */
const variables = {
  SPILLWAY_ENGINE: {
    range: engineChoices.join(', '),
    schema: z.string().toLowerCase().pipe(z.enum(engineChoices)),
  },
  SPILLWAY_JOURNAL: {
    range: journalModes.join(', '),
    schema: z.string().toLowerCase().pipe(z.enum(journalModes)),
  },
  SPILLWAY_FILE: text('the path of the SQLite file', z.string()),
  POSTGRES_URL: {
    range: 'postgres://[user:password@]host[:port]/database',
    schema: postgresUrl,
  },
  REDIS_URL: {
    range: redisUrlRange,
    schema: z.string().refine(value => 'options' in parseRedisUrl(value)),
  },
  REDIS_HOST: text('a host name or address, without scheme or port', z.string().regex(/^[^\s/@]+$/)),
  REDIS_PORT: integer(1, 65_535),
  REDIS_PASSWORD: { range: 'any text', secret: true, schema: z.string() },
  REDIS_DB: integer(0, 2_147_483_647),
  REDIS_ENABLED: flag,
  BULLMQ_ENABLED: flag,
  USE_BULLMQ: flag,
  ENABLE_QUEUES: flag,
  DISABLE_QUEUES: flag,
  DISABLE_CACHE: flag,
  REDIS_MAX_RETRIES: integer(0, 1_000),
  REDIS_RETRY_DELAY: integer(1, 60_000, ' ms'),
  REDIS_MONITORING_ENABLED: flag,
  REDIS_ALERT_WEBHOOK_URL: { range: 'an http: or https: URL', secret: true, schema: httpUrl },
  WORKER_ID: text('1 to 100 printable characters without spaces', z.string().regex(/^[\x21-\x7e]{1,100}$/)),
  CONCURRENCY: integer(1, 100_000, ' jobs at a time'),
} as const satisfies Record<string, Variable<unknown>>;

type Variables = typeof variables;
export type EnvironmentName = keyof Variables;

/** The variables that are set, parsed. */
export type ParsedEnvironment = { [Name in EnvironmentName]?: z.output<Variables[Name]['schema']> };

export const environmentNames = Object.keys(variables) as readonly EnvironmentName[];

/** The names that only say where Redis is and how patient to be with it. */
export const redisNames = [
  'REDIS_URL',
  'REDIS_HOST',
  'REDIS_PORT',
  'REDIS_PASSWORD',
  'REDIS_DB',
  'REDIS_MAX_RETRIES',
  'REDIS_RETRY_DELAY',
] as const satisfies readonly EnvironmentName[];

/** Names that begin as ours do and are none of them, with the one that was most likely meant. */
export function misspeltVariables(
  environment: Readonly<Record<string, string | undefined>>,
): { name: string; meant: string }[] {
  const ours = environmentNames.filter(name => name.startsWith(OURS));
  return Object.keys(environment)
    .filter(name => name.startsWith(OURS) && !Object.hasOwn(variables, name))
    .map(name => ({ name, meant: nearestOption(name, ours) }))
    .filter(each => each.meant !== undefined) as { name: string; meant: string }[];
}

const OURS = 'SPILLWAY_';

/**
 * Parses the variables Spillway knows, but those in `except`, and ignores all others.
 * Throws SPILLWAY_INVALID_CONFIG naming the first bad one, its range and the value received, masked if secret.
 */
export function parseEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  except: readonly EnvironmentName[] = [],
): ParsedEnvironment {
  const parsed: Record<string, unknown> = {};
  for (const name of environmentNames) {
    const received = environment[name]?.trim();
    if (received === undefined || received === '' || except.includes(name)) continue;
    const variable: Variable<unknown> = variables[name];
    const result = variable.schema.safeParse(received);
    if (!result.success) throw invalid(name, variable, received);
    parsed[name] = result.data;
  }
  return parsed as ParsedEnvironment;
}

function invalid(name: string, variable: Variable<unknown>, received: string): SpillwayError {
  // A URL that could not be read may hold its password anywhere: say what is wrong with it, show nothing of it.
  const url = name.endsWith('_URL');
  const shown =
    variable.secret || url ? '(not shown: it may hold a secret)' : JSON.stringify(maskText(received));
  const redis = name === 'REDIS_URL' ? parseRedisUrl(received) : undefined;
  const why = redis && 'reason' in redis ? `; ${redis.reason}` : '';
  return new SpillwayError(
    'SPILLWAY_INVALID_CONFIG',
    `Environment variable ${name} must be ${variable.range}; received ${shown}${why}`,
    { details: { variable: name, range: variable.range } },
  );
}
