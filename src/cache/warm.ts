import type { Clock } from '../shared/clock.ts';
import { SpillwayError } from '../shared/errors.ts';
import { noSuchOption } from '../shared/unknown-option.ts';
import type { WarmOptions, WarmReport } from './types.ts';

const PROGRESS_EVERY_MS = 100;
const MOST_AT_A_TIME = 1_000;

const known: readonly string[] = ['onProgress', 'concurrency'] satisfies (keyof WarmOptions)[];

/** Takes all items of a source, some at a time, and counts what became of them. */
export async function warm<T>(
  source: Iterable<T> | AsyncIterable<T>,
  take: (item: T) => Promise<unknown>,
  clock: Clock,
  options: WarmOptions = {},
): Promise<WarmReport> {
  const { onProgress, concurrency } = checked(source, options);
  const began = clock.monotonic();
  const total = sizeOf(source);
  let done = 0;
  let failed = 0;
  let toldAt = began;
  const tell = () => onProgress?.({ done, total, failed });
  const items = (
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  ) as Iterator<T>;
  const worker = async () => {
    for (let next = await items.next(); !next.done; next = await items.next()) {
      await take(next.value).then(
        () => done++,
        () => failed++,
      );
      const now = clock.monotonic();
      if (now - toldAt < PROGRESS_EVERY_MS) continue;
      toldAt = now;
      tell();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  tell();
  return { done, total, failed, ms: clock.monotonic() - began };
}

/** @throws SpillwayError SPILLWAY_INVALID_OPTION */
function checked(source: unknown, options: WarmOptions) {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
  const unknown = Object.keys(options).find(option => !known.includes(option));
  if (unknown !== undefined) throw noSuchOption('warming a cache', unknown, known);
  const { onProgress, concurrency = 50 } = options;
  const iterable =
    typeof source === 'string' ||
    (typeof source === 'object' &&
      source !== null &&
      (Symbol.iterator in source || Symbol.asyncIterator in source));
  if (!iterable) throw invalid('source', 'iterable', source);
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MOST_AT_A_TIME)
    throw invalid('concurrency', `a whole number from 1 to ${MOST_AT_A_TIME}`, concurrency);
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw invalid('onProgress', 'a function', onProgress);
  return { onProgress, concurrency };
}

function invalid(option: string, range: string, value: unknown): SpillwayError {
  const received = typeof value === 'number' ? String(value) : `a value of type ${typeof value}`;
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of warming a cache must be ${range}; received ${received}`,
    { details: { option, range } },
  );
}

function sizeOf(source: object): number | undefined {
  const { length, size } = source as { length?: unknown; size?: unknown };
  return typeof length === 'number' ? length : typeof size === 'number' ? size : undefined;
}
