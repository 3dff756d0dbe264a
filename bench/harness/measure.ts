/**
 * How long `work` takes, in seconds, with the garbage of what came before collected first, so that neither side pays
 * for the other's or the warm-up's.
 */
export async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; result: T }> {
  globalThis.gc?.();
  const start = performance.now();
  const result = await work();
  return { seconds: (performance.now() - start) / 1000, result };
}
