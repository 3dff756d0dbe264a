/** A backend that shares the controller. */
export interface Attached {
  queue: string;
  /** The primary is given up: throw away what hangs on it. */
  primaryLost(): void;
  /** It answers again, and nothing has been given back yet. Never rejects. */
  primaryAnswers(): Promise<void>;
  /** It is in use again. */
  primaryBack(): void;
}

/** The process's backends on one primary. */
export class Attachments {
  readonly #backends = new Set<Attached>();

  /** Answers the function that ends it. */
  add(backend: Attached): () => void {
    this.#backends.add(backend);
    return () => this.#backends.delete(backend);
  }

  get queues(): string[] {
    return [...this.#backends].map(({ queue }) => queue);
  }

  primaryLost(): void {
    for (const backend of this.#backends) backend.primaryLost();
  }

  async primaryAnswers(): Promise<void> {
    await Promise.all([...this.#backends].map(backend => backend.primaryAnswers()));
  }

  primaryBack(): void {
    for (const backend of this.#backends) backend.primaryBack();
  }
}
