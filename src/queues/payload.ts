import { SpillwayError } from '../shared/errors.ts';
import type { StandardIssue, StandardSchema } from './standard-schema.ts';

/** Where a payload was going, for the error. */
export interface PayloadPlace {
  queue: string;
  job: string;
  /** Position in an `addBulk` or in the flow, when there are several. */
  index?: number;
}

const mostIssuesShown = 5;

/**
 * Gives the parsed payload, which is what gets stored. Throws SPILLWAY_INVALID_PAYLOAD with the path of each fault and
 * the type of the value found there; never the value, which may be a secret.
 */
export async function parsePayload(
  schema: StandardSchema,
  data: unknown,
  place: PayloadPlace,
): Promise<unknown> {
  const standard = schema['~standard'];
  const outcome = standard.validate(data);
  const result = outcome instanceof Promise ? await outcome : outcome;
  if (result.issues === undefined) return result.value;

  const issues = result.issues.map(issue => {
    const path = pathOf(issue);
    // Zod's messages name types and limits only; those of others may quote the value.
    const reason = standard.vendor === 'zod' ? issue.message : undefined;
    return {
      path: showPath(path),
      received: typeAt(data, path),
      ...(reason === undefined ? {} : { reason }),
    };
  });
  const shown = issues
    .slice(0, mostIssuesShown)
    .map(({ path, received, reason }) => `${path} is ${received}${reason ? ` (${reason})` : ''}`);
  const more = issues.length > mostIssuesShown ? `, and ${issues.length - mostIssuesShown} more` : '';
  throw new SpillwayError(
    'SPILLWAY_INVALID_PAYLOAD',
    `${describePlace(place)} does not fit its schema and was not stored: ${shown.join('; ')}${more}`,
    { details: { ...place, issues } },
  );
}

export function describePlace({ queue, job, index }: PayloadPlace): string {
  const position = index === undefined ? '' : ` (number ${index} of the list)`;
  return `Job ${JSON.stringify(job)}${position} for queue ${JSON.stringify(queue)}`;
}

function pathOf(issue: StandardIssue): PropertyKey[] {
  return (issue.path ?? []).map(step => (typeof step === 'object' ? step.key : step));
}

function showPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (shown, step) => shown + (typeof step === 'number' ? `[${step}]` : `.${String(step)}`),
    'data',
  );
}

function typeAt(data: unknown, path: readonly PropertyKey[]): string {
  let value = data;
  for (const step of path) {
    if (value === null || typeof value !== 'object') return 'absent';
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return typeName(value);
}

/** The type of a value in the words a reader of an error expects. */
export function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'absent';
  if (Array.isArray(value)) return 'an array';
  if (Number.isNaN(value)) return 'NaN';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
