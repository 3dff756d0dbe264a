/** Something that closes itself before the process ends. */
export interface SignalTarget {
  /** Closes; whether everything was finished (false: work was given back). Never rejects. */
  close(): Promise<boolean>;
  /** Ends the waiting for running work. */
  hurry(): void;
  /** How long closing may wait for running work, milliseconds. */
  readonly graceMs: number;
}

const signals = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof signals;

const targets = new Set<SignalTarget>();
let ending = false;

/**
 * Closes the target on SIGTERM or SIGINT and ends the process: with exit code 0 (or `process.exitCode`, where the program has set
 * it) when all work was finished, with 143 or 130, as without a handler, when some was given back. A second signal ends
 * the waiting. Several targets share one listener, which is removed with the last of them.
 *
 * Where the program listens to the signal itself, the exit is its own to make; Spillway then exits only when work
 * was given back or the grace period is over. Returns a function that takes the target out again.
 */
export function closeOnSignals(target: SignalTarget): () => void {
  if (targets.size === 0) for (const signal of names()) process.on(signal, onSignal);
  targets.add(target);
  return () => {
    // While ending, the listener must stay: without one, the next signal would kill the process at once.
    if (!targets.delete(target) || targets.size > 0 || ending) return;
    for (const signal of names()) process.off(signal, onSignal);
  };
}

const names = () => Object.keys(signals) as Signal[];

function onSignal(signal: Signal): void {
  const all = [...targets];
  if (ending) {
    for (const target of all) target.hurry();
    return;
  }
  ending = true;
  // The grace counts from the signal, whatever else the program is doing.
  const graceMs = Math.max(0, ...all.map(target => target.graceMs));
  const since = performance.now();
  void Promise.all(all.map(target => target.close())).then(finished => {
    if (finished.includes(false)) process.exit(signals[signal]);
    if (process.listenerCount(signal) === 1) process.exit();
    process.exitCode ??= 0;
    setTimeout(() => process.exit(), Math.max(0, graceMs - (performance.now() - since))).unref();
  });
}
