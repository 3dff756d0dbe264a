/** An answer that did not come in time. `syscall` is `connect` where there was no connection yet: nothing was sent. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
  readonly code = 'ETIMEDOUT';
  readonly syscall: 'connect' | 'read';

  constructor(message: string, syscall: 'connect' | 'read') {
    super(message);
    this.syscall = syscall;
  }
}

/**
 * The outcome of `work`, or a rejection with `late()` after `ms` milliseconds, or with `signal.reason` once the signal is
 * aborted. The work itself is not ended, and a late failure of it is swallowed.
 */
export function within<T>(ms: number, work: Promise<T>, late: () => Error, signal?: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    // One more turn of the event loop: an answer that lies in the socket while this process is busy is not late.
    const timer = setTimeout(() => setImmediate(() => settle(() => reject(late()))), ms);
    const onAbort = () => settle(() => reject(signal?.reason as Error));
    const settle = (how: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      how();
    };
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) onAbort();
    work.then(
      value => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}
