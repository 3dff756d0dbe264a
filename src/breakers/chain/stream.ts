import type { SpillwayError } from '../../shared/errors.ts';
import type { Permit } from '../permit.ts';
import type { Surroundings } from '../surroundings.ts';
import { incomplete, tookTooLong } from './errors.ts';
import { within } from './within.ts';

/** A stream whose first chunk has come: from here on no other provider can take over. */
export interface OpenStream<C> {
  readonly provider: string;
  readonly permit: Permit;
  readonly iterator: AsyncIterator<C>;
  readonly first: IteratorResult<C>;
}

export interface StreamTiming {
  readonly world: Surroundings;
  readonly firstChunkMs: number;
  readonly betweenChunksMs: number;
}

/** Starts a stream and waits for its first chunk. Whatever goes wrong before that rejects, and is on record. */
export async function openStream<C>(
  provider: string,
  permit: Permit,
  start: () => AsyncIterable<C> | PromiseLike<AsyncIterable<C>>,
  { world, firstChunkMs }: StreamTiming,
): Promise<OpenStream<C>> {
  let iterator: AsyncIterator<C> | undefined;
  let givenUp = false;
  const opening = async () => {
    iterator = (await start())[Symbol.asyncIterator]();
    // It was too late: nobody waits for it any more.
    if (givenUp) stop(permit, iterator, new DOMException('Its first chunk came too late', 'AbortError'));
    return { provider, permit, iterator, first: await iterator.next() };
  };
  try {
    return await within(world, firstChunkMs, opening(), () =>
      late(permit, provider, 'sent no first chunk within', firstChunkMs),
    );
  } catch (error) {
    givenUp = true;
    giveUp(permit, iterator, error);
    throw error;
  }
}

/**
 * The chunks. The outcome is recorded when the stream ends: a consumer that stops early has what it wanted, and the
 * provider is told to stop.
 */
export async function* deliver<C>(
  { provider, permit, iterator, first }: OpenStream<C>,
  { world, betweenChunksMs }: StreamTiming,
  received: (chunk: C) => void,
): AsyncGenerator<C, void, void> {
  let chunks = 0;
  let over = false;
  try {
    for (let next = first; !next.done; ) {
      chunks += 1;
      received(next.value);
      permit.idle();
      yield next.value;
      permit.alive();
      try {
        next = await within(world, betweenChunksMs, iterator.next(), () =>
          late(permit, provider, 'sent nothing for', betweenChunksMs),
        );
      } catch (error) {
        over = true;
        giveUp(permit, iterator, error);
        throw incomplete(provider, chunks, error);
      }
    }
    over = true;
    permit.succeed();
  } finally {
    if (!over) {
      permit.succeed();
      stop(permit, iterator, new DOMException('The consumer stopped reading', 'AbortError'));
    }
  }
}

function giveUp(permit: Permit, iterator: AsyncIterator<unknown> | undefined, error: unknown): void {
  permit.fail(error);
  stop(permit, iterator, error);
}

/** The iterator is not waited for: one that hangs in `next` would never get to its `return`. */
function stop(permit: Permit, iterator: AsyncIterator<unknown> | undefined, reason: unknown): void {
  permit.abort(reason);
  Promise.resolve(iterator?.return?.()).catch(() => undefined);
}

function late(permit: Permit, provider: string, what: string, ms: number): SpillwayError {
  const error = tookTooLong(provider, what, ms);
  permit.timeOut(error);
  return error;
}
