/** Work that nobody waits for, and pauses in it: all of it ends with its owner. */
export class Background {
  readonly #onTrouble: (error: Error) => void;
  readonly #work = new Set<Promise<unknown>>();
  readonly #pauses = new Set<() => void>();
  #ending = false;

  /** @param onTrouble is told what fails. */
  constructor(onTrouble: (error: Error) => void) {
    this.#onTrouble = onTrouble;
  }

  own(work: Promise<unknown>): void {
    const owned = work
      .catch(error => this.#onTrouble(error instanceof Error ? error : new Error(String(error))))
      .finally(() => this.#work.delete(owned));
    this.#work.add(owned);
  }

  /** Waits so many ms; not at all, or no longer, once it is ending. */
  pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        clearTimeout(timer);
        this.#pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#pauses.add(end);
      if (this.#ending) end();
    });
  }

  /** Nothing pauses any more. */
  hurry(): void {
    this.#ending = true;
    for (const end of this.#pauses) end();
  }

  /** All of it has ended, and what it began. */
  async ended(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }
}
