import { keep } from '../entry/value.ts';
import { Answers, type DedupeOptions } from './answers.ts';
import { checkDeduped } from './options.ts';
import { Recording } from './recording.ts';

/** A chunk as JSON carries it: bytes as base64. */
type Packed = { data: unknown } | { bytes: string };

/**
 * The same for a function whose answer comes in chunks (async iterables, `ReadableStream`s; texts, bytes or plain data). The
 * first caller hears it as it comes; whoever asks the same meanwhile hears what has come so far and then the rest, from
 * the one stream. It is kept only when it came to its own end: one that failed, was cut, or was left by all its hearers
 * is never given again, nor one above `maxBytes`.
 *
 * @throws SpillwayError as `dedupe`.
 */
export function dedupeStream<A extends unknown[], C>(
  fn: (...args: A) => AsyncIterable<C> | PromiseLike<AsyncIterable<C>>,
  options: DedupeOptions<A>,
): (...args: A) => AsyncGenerator<C, void, void> {
  checkDeduped(fn);
  const answers = new Answers<A, readonly Packed[]>(options);
  const underWay = new Map<string, Recording<C>>();

  const record = (key: string, args: A): Recording<C> => {
    let bytes = 0;
    const packed: Packed[] = [];
    const recording: Recording<C> = new Recording<C>(
      chunksOf(fn, args),
      chunk => {
        const one = pack(chunk);
        if (one === undefined) return false;
        bytes += one.bytes;
        packed.push(one.packed);
        return bytes <= answers.maxBytes;
      },
      complete => {
        underWay.delete(key);
        if (complete !== undefined) answers.store(key, packed);
      },
    );
    underWay.set(key, recording);
    return recording;
  };

  return async function* shared(...args: A): AsyncGenerator<C, void, void> {
    const key = answers.key(...args);
    if (key === undefined) return yield* await fn(...args);
    const found = underWay.has(key) ? undefined : await answers.find(key);
    if (found !== undefined) for (const chunk of found.answer) yield unpack(chunk) as C;
    else yield* (underWay.get(key) ?? record(key, args)).read();
  };
}

/** Calls the function when the first chunk is wanted. */
async function* chunksOf<A extends unknown[], C>(
  fn: (...args: A) => AsyncIterable<C> | PromiseLike<AsyncIterable<C>>,
  args: A,
): AsyncGenerator<C, void, void> {
  yield* await fn(...args);
}

/** What a chunk is kept as; undefined for what JSON cannot carry. */
function pack(chunk: unknown): { packed: Packed; bytes: number } | undefined {
  const plain =
    chunk instanceof Uint8Array ? { bytes: Buffer.from(chunk).toString('base64') } : { data: chunk };
  try {
    const { value, bytes } = keep(plain);
    return { packed: value as Packed, bytes };
  } catch {
    return undefined;
  }
}

function unpack(chunk: Packed): unknown {
  return 'bytes' in chunk ? new Uint8Array(Buffer.from(chunk.bytes, 'base64')) : chunk.data;
}
