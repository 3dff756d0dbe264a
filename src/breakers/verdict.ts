/**
 * What an outcome says about the service:
 *
 * - `success`: it works. Errors too may say so: it answered that the request was at fault.
 * - `failure`: it does not.
 * - `ignore`: nothing, such as a call that its caller gave up.
 * - `credentials`: it will refuse every call until somebody does something (key, payment, rights). The breaker opens at once,
 *   and says so with the event `alert`.
 * - `{ coolDownMs }`: it asks not to be called for so long. The breaker opens at once for that time; for its usual open
 *   time where that is undefined.
 */
export type Verdict =
  | 'success'
  | 'failure'
  | 'ignore'
  | 'credentials'
  | { readonly coolDownMs: number | undefined };

/** Judges an error; one that throws itself, or gives no verdict, counts as `failure`. */
export type Classify = (error: unknown) => Verdict;

const WORDS: ReadonlySet<unknown> = new Set(['success', 'failure', 'ignore', 'credentials']);

/** What a judge of the user's gave, if it is a verdict. A pause that is no number is one of the usual length. */
export function verdictOf(given: unknown): Verdict | undefined {
  if (WORDS.has(given)) return given as Verdict;
  if (typeof given !== 'object' || given === null || !('coolDownMs' in given)) return undefined;
  const { coolDownMs } = given;
  if (coolDownMs === undefined || Number.isNaN(coolDownMs)) return { coolDownMs: undefined };
  return typeof coolDownMs === 'number' ? { coolDownMs: Math.max(0, coolDownMs) } : undefined;
}
