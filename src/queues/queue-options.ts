import { SpillwayError } from '../shared/errors.ts';
import { checkJob } from './job-options.ts';
import type { QueueDeclaration } from './types.ts';

/**
 * Options of any of BullMQ's objects: an object, without a connection, which is Spillway's.
 * @throws SpillwayError SPILLWAY_INVALID_OPTION
 */
export function checkSettings(of: string, given: unknown): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw invalid(of, 'options', 'an object', kindOf(given));
  const { connection, prefix } = given as { connection?: unknown; prefix?: unknown };
  if (connection !== undefined) {
    const range = 'absent: say with the option redis of createSpillway where Redis is';
    throw invalid(of, 'connection', range, kindOf(connection));
  }
  if (prefix !== undefined && (typeof prefix !== 'string' || prefix === ''))
    throw invalid(of, 'prefix', 'a text that is not empty', kindOf(prefix));
}

/** Wrong default options would make every job of the queue wrong. @throws SpillwayError SPILLWAY_INVALID_OPTION */
export function checkQueueOptions(name: string, settings: QueueDeclaration): void {
  const of = `queue ${JSON.stringify(name)}`;
  checkSettings(of, settings);
  const { inline, schema } = settings;
  if (inline !== undefined && typeof inline !== 'function')
    throw invalid(of, 'inline', 'a function', kindOf(inline), name);
  const validate: unknown = (schema as { '~standard'?: { validate?: unknown } } | null | undefined)?.[
    '~standard'
  ]?.validate;
  if (schema !== undefined && typeof validate !== 'function')
    throw invalid(
      of,
      'schema',
      'a Standard Schema, as those of Zod, Valibot and ArkType are',
      kindOf(schema),
      name,
    );
  try {
    checkJob({ queue: name, job: 'any' }, settings.defaultJobOptions);
  } catch (error) {
    if (!(error instanceof SpillwayError)) throw error;
    const { option, range, received } = error.details;
    const path = option === 'options' ? 'defaultJobOptions' : `defaultJobOptions.${option}`;
    throw invalid(of, path, String(range), String(received), name);
  }
}

function kindOf(value: unknown): string {
  return `a value of type ${value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value}`;
}

function invalid(of: string, option: string, range: string, received: string, queue?: string): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of ${of} must be ${range}; received ${received}`,
    { details: { ...(queue === undefined ? {} : { queue }), option, range, received } },
  );
}
