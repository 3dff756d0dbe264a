import type { IQueueBackend } from 'bullmq';
import type { AnyBackendFactory } from '../../src/engines/conformance/index.ts';

/** Runs an operation of the contract on a backend, when it thinks fit. */
export type Around = (operation: string, run: () => Promise<unknown>) => Promise<unknown>;

/** Answer at once, or belong to the backend itself and not to a queue. */
const NO_OPERATIONS: ReadonlySet<string> = new Set([
  ...['toKey', 'parseNodeKey', 'clientName', 'forQueue', 'waitUntilReady', 'close', 'disconnect', 'setName'],
  ...['disconnectBlocking', 'reconnectBlocking'],
  ...['on', 'once', 'off', 'emit', 'removeListener', 'addListener', 'listenerCount', 'setMaxListeners'],
]);

type Operation = (this: unknown, ...args: unknown[]) => unknown;

/** The same backends, which number jobs as Redis does and leave it to `around` to run each operation. */
export function watched<B extends IQueueBackend>(
  factory: (...given: Parameters<AnyBackendFactory>) => B,
  around: Around = (_, run) => run(),
): AnyBackendFactory {
  const counters = new Counters();
  const watch = (backend: B): B =>
    new Proxy(backend, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function' || typeof name !== 'string') return value;
        const operation = value as Operation;
        if (name === 'forQueue') return (...args: unknown[]) => watch(operation.apply(target, args) as B);
        if (NO_OPERATIONS.has(name)) return operation.bind(target);
        return (...args: unknown[]) =>
          around(name, () => counters.around(name, target, args, given => operation.apply(target, given)));
      },
    });
  return (...given) => watch(factory(...given));
}

type Add = { jobId: string; prefix?: string; queueName?: string };

/**
 * Numbers jobs as Redis does, so that the answers recorded there fit an engine that names jobs its own way: each add counts,
 * also when the caller has named the job.
 */
class Counters {
  readonly #last = new Map<string, number>();

  async around(
    operation: string,
    { qualifiedName }: IQueueBackend,
    args: unknown[],
    run: (args: unknown[]) => unknown,
  ): Promise<unknown> {
    switch (operation) {
      case 'addJob': {
        const [job, id, ...rest] = args;
        return await this.#unlessRefused(qualifiedName, () =>
          run([job, this.#name(qualifiedName, id as string), ...rest]),
        );
      }
      case 'addJobs':
        return run([
          (args[0] as Add[]).map(add => ({ ...add, jobId: this.#name(qualifiedName, add.jobId) })),
        ]);
      case 'addFlow':
        for (const { prefix, queueName } of args[0] as Add[]) this.#name(`${prefix}:${queueName}`, '');
        return run(args);
      case 'addJobScheduler':
        this.#name(qualifiedName, '');
        return run(args);
      case 'obliterate':
        this.#last.delete(qualifiedName);
        return run(args);
      default:
        return run(args);
    }
  }

  /** A job whose parent is missing is refused before it is counted. */
  async #unlessRefused<T>(queue: string, add: () => T): Promise<Awaited<T>> {
    const before = this.#last.get(queue) ?? 0;
    try {
      return await add();
    } catch (error) {
      this.#last.set(queue, before);
      throw error;
    }
  }

  #name(queue: string, given: string): string {
    const next = (this.#last.get(queue) ?? 0) + 1;
    this.#last.set(queue, next);
    return given || String(next);
  }
}
