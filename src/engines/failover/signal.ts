/** A promise and what settles it (Node 22's `Promise.withResolvers`, which our oldest TypeScript target lacks). */
export interface Signal {
  promise: Promise<undefined>;
  resolve(): void;
}

export function signal(): Signal {
  let resolve = (_: undefined) => {};
  const promise = new Promise<undefined>(settle => {
    resolve = settle;
  });
  return { promise, resolve: () => resolve(undefined) };
}
