/** A promise that the test settles. (`Promise.withResolvers` needs a newer library than the code may use.) */
export function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>(settle => {
    resolve = settle;
  });
  return { promise, resolve };
}
