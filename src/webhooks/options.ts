import { SpillwayError } from '../shared/errors.ts';
import { noSuchOption } from '../shared/unknown-option.ts';

/** An option of this room that is out of its range. What may be a secret is told by its type alone. */
export function invalidOption(of: string, option: string, range: string, received: unknown): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of ${of} must be ${range}; received ${told(received)}`,
    { details: { option, range } },
  );
}

function told(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'number') return String(value);
  return value === '' ? 'an empty text' : `a value of type ${typeof value}`;
}

/** The most milliseconds and ids that make sense: an hour, and what fits into memory. */
const MOST = { deadlineMs: 3_600_000, remember: 10_000_000 };

/** What a JavaScript program, or one that reads its options from a file, may get wrong. Throws SPILLWAY_INVALID_OPTION. */
export function checkReceiverOptions(options: unknown): void {
  const of = 'a webhook receiver';
  const given = (options ?? {}) as Record<string, unknown>;
  refuseUnknown(of, given, ['sources', 'queue', 'toJob', 'deadlineMs', 'remember']);
  const { sources, queue, toJob, deadlineMs = 0, remember = 1 } = given;
  if (!Array.isArray(sources) || !sources.every(source => has(source, 'verify', 'deliveryId', 'events')))
    throw invalidOption(of, 'sources', 'a list of sources', sources);
  if (!has(queue, 'add', 'addBulk'))
    throw invalidOption(of, 'queue', 'a queue, with the methods add and addBulk', queue);
  if (typeof toJob !== 'function') throw invalidOption(of, 'toJob', 'a function', toJob);
  if (typeof deadlineMs !== 'number' || !(deadlineMs >= 0 && deadlineMs <= MOST.deadlineMs))
    throw invalidOption(of, 'deadlineMs', `milliseconds from 0 (for ever) to ${MOST.deadlineMs}`, deadlineMs);
  if (!Number.isInteger(remember) || (remember as number) < 1 || (remember as number) > MOST.remember)
    throw invalidOption(of, 'remember', `a whole number from 1 to ${MOST.remember}`, remember);
}

/** A misspelt option would else be one that was not given. Throws SPILLWAY_INVALID_OPTION. */
export function refuseUnknown(of: string, options: object | undefined, known: readonly string[]): void {
  const unknown = Object.keys(options ?? {}).find(option => !known.includes(option));
  if (unknown !== undefined) throw noSuchOption(of, unknown, known);
}

/**
 * What a web framework hands on. A body it has parsed can't be verified, since nobody knows what bytes it was; headers that
 * are a `Headers` would all be missing. Throws SPILLWAY_INVALID_OPTION.
 */
export function checkDelivery(headers: unknown, rawBody: unknown): void {
  if (!(rawBody instanceof Uint8Array)) {
    const range =
      'a Buffer, the bytes as they came in: read them before any parser (express.raw(), a Fastify parser)';
    throw invalidOption('a delivery', 'rawBody', range, rawBody);
  }
  if (typeof headers !== 'object' || headers === null || headers instanceof Headers)
    throw invalidOption(
      'a delivery',
      'headers',
      "an object, as Node's request.headers or Object.fromEntries(headers)",
      headers,
    );
}

function has(value: unknown, ...methods: string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return methods.every(method => typeof (value as Record<string, unknown>)[method] === 'function');
}
