import type { Surroundings } from '../surroundings.ts';

/** Settles as the work does, but no later than after `ms`: then rejects with what `late` gives. The work goes on. */
export function within<T>(
  world: Surroundings,
  ms: number,
  work: PromiseLike<T>,
  late: () => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = world.after(ms, () => reject(late()));
    work.then(
      value => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}
