import type { Clock } from '../shared/clock.ts';
import type { WarmOptions, WarmReport } from './types.ts';

const PROGRESS_EVERY_MS = 100;

/** Takes all items of a source, some at a time, and counts what became of them. */
export async function warm<T>(
  source: Iterable<T> | AsyncIterable<T>,
  take: (item: T) => Promise<unknown>,
  clock: Clock,
  { onProgress, concurrency = 50 }: WarmOptions = {},
): Promise<WarmReport> {
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

function sizeOf(source: object): number | undefined {
  const { length, size } = source as { length?: unknown; size?: unknown };
  return typeof length === 'number' ? length : typeof size === 'number' ? size : undefined;
}
