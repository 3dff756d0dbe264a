/** Somebody who reads a recording: the number of the chunk it wants next. */
interface Reader {
  at: number;
}

/**
 * A stream that is read once and heard by many. Each hears it from its beginning; the source is asked for a chunk when the
 * first has heard all there is. Once `limit` chunks' worth of bytes is passed, what all have heard is let go of, nobody can
 * join any more, and the slowest sets the pace: memory stays bounded.
 */
export class Recording<C> {
  readonly #source: AsyncIterator<C>;
  readonly #admit: (chunk: C) => boolean;
  readonly #onEnd: (complete: readonly C[] | undefined) => void;
  readonly #readers = new Set<Reader>();
  readonly #waiting = new Set<() => void>();
  #chunks: C[] = [];
  /** The number of the first chunk that is still held. */
  #first = 0;
  #pulling = false;
  #ended = false;
  #failure: { error: unknown } | undefined;
  #whole = true;

  /**
   * @param admit Whether the recording may still be kept with this chunk in it.
   * @param onEnd Called once: with all chunks when the source came to its own end and all were admitted, else with
   *   undefined; early when it is clear that nothing will be kept.
   */
  constructor(
    source: AsyncIterator<C>,
    admit: (chunk: C) => boolean,
    onEnd: (complete: readonly C[] | undefined) => void,
  ) {
    this.#source = source;
    this.#admit = admit;
    this.#onEnd = onEnd;
  }

  /** All chunks from the first on. Whoever stops early leaves the others alone; the last to leave stops the source. */
  async *read(): AsyncGenerator<C, void, void> {
    const reader: Reader = { at: 0 };
    this.#readers.add(reader);
    try {
      for (;;) {
        if (reader.at < this.#end) {
          const chunk = this.#chunks[reader.at - this.#first] as C;
          reader.at++;
          this.#letGo();
          yield chunk;
        } else if (this.#failure !== undefined) throw this.#failure.error;
        else if (this.#ended) return;
        else await this.#more();
      }
    } finally {
      await this.#leave(reader);
    }
  }

  get #end(): number {
    return this.#first + this.#chunks.length;
  }

  get #slowest(): number {
    return Math.min(...[...this.#readers].map(({ at }) => at));
  }

  /** Resolves when something has changed. */
  #more(): Promise<void> {
    const changed = new Promise<void>(resolve => this.#waiting.add(resolve));
    if (!this.#pulling && (this.#whole || this.#slowest === this.#end)) void this.#pull();
    return changed;
  }

  async #pull(): Promise<void> {
    this.#pulling = true;
    try {
      const { done, value } = await this.#source.next();
      if (done === true) this.#finish();
      else this.#hear(value);
    } catch (error) {
      this.#failure = { error };
      this.#giveUp();
    }
    this.#pulling = false;
    this.#wake();
  }

  #hear(chunk: C): void {
    this.#chunks.push(chunk);
    if (this.#whole && !this.#admit(chunk)) this.#giveUp();
    this.#letGo();
  }

  #finish(): void {
    this.#ended = true;
    if (this.#whole) this.#onEnd(this.#chunks);
  }

  #giveUp(): void {
    if (this.#whole && !this.#ended) this.#onEnd(undefined);
    this.#whole = false;
  }

  #letGo(): void {
    if (this.#whole || this.#readers.size === 0) return;
    const heard = this.#slowest - this.#first;
    if (heard === 0) return;
    this.#chunks = this.#chunks.slice(heard);
    this.#first += heard;
    this.#wake();
  }

  async #leave(reader: Reader): Promise<void> {
    this.#readers.delete(reader);
    this.#letGo();
    this.#wake();
    if (this.#readers.size > 0 || this.#ended || this.#failure !== undefined) return;
    this.#giveUp();
    this.#ended = true;
    await this.#source.return?.();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
