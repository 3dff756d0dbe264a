import type { IQueueBackend } from 'bullmq';

/**
 * Calls on one connection. What was asked of a server that hangs may never be answered, not even when its connection is
 * closed: whoever waits for it is told then that the connection is lost.
 */
export class CallsUnderWay {
  readonly #waiting = new Set<(error: Error) => void>();

  /** The same backend, whose calls fail when the connection is given up. */
  of(backend: IQueueBackend): IQueueBackend {
    return new Proxy(backend, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          const answer: unknown = value.apply(target, args);
          return answer instanceof Promise ? this.unlessLost(answer) : answer;
        };
      },
    });
  }

  /** The answer, or that the connection is lost. */
  unlessLost<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      answer.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }

  /** The connection is given up. */
  end(): void {
    for (const reject of this.#waiting) reject(new Error('Connection is closed.'));
    this.#waiting.clear();
  }
}
