import type { KeepJobs } from 'bullmq';

/** A backend that shares the controller. */
export interface Attached {
  queue: string;
  isWorker: boolean;
  removeOnComplete: KeepJobs | undefined;
  /** The primary is given up: throw away what hangs on it. */
  primaryLost(): void;
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

  primaryBack(): void {
    for (const backend of this.#backends) backend.primaryBack();
  }
}
