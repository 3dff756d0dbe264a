/**
 * Keeps looks at both homes and the drain's batches apart: while a batch is under way its jobs are in neither. A batch waits
 * for the looks that have begun, and those that come after wait for the batch, so that neither is kept waiting for ever.
 */
export class BetweenBatches {
  #looks = 0;
  #batch: Promise<void> | undefined;
  #noLook: (() => void) | undefined;

  /** Looks, when no batch is under way. */
  async look<T>(work: () => Promise<T>): Promise<T> {
    while (this.#batch !== undefined) await this.#batch;
    this.#looks += 1;
    try {
      return await work();
    } finally {
      this.#looks -= 1;
      if (this.#looks === 0) this.#noLook?.();
    }
  }

  /** Takes and gives a batch, when nobody looks. One at a time. */
  async batch<T>(work: () => Promise<T>): Promise<T> {
    let end = () => {};
    this.#batch = new Promise<void>(resolve => {
      end = resolve;
    });
    try {
      if (this.#looks > 0) {
        await new Promise<void>(resolve => {
          this.#noLook = resolve;
        });
      }
      return await work();
    } finally {
      this.#batch = undefined;
      end();
    }
  }
}
