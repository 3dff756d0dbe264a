/** One thing a run must have got right, whatever its speed. A check that is not ok fails the whole command. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/**
 * Counts how often each job was handled, in one byte a job allocated up front: cheap enough for the hot path, and
 * flat in the memory benchmark.
 */
export class Ledger {
  readonly #times: Uint8Array;
  #outOfRange = 0;

  /** Jobs carry `seq` from 0 to `size` - 1. */
  constructor(size: number) {
    this.#times = new Uint8Array(size);
  }

  mark(seq: number): void {
    const times = this.#times[seq];
    if (times === undefined) this.#outOfRange += 1;
    else if (times < 255) this.#times[seq] = times + 1;
  }

  /** The `seq` of every job handled at least once, ascending. */
  marked(): number[] {
    const seqs: number[] = [];
    for (const [seq, times] of this.#times.entries()) if (times > 0) seqs.push(seq);
    return seqs;
  }

  /** Holds when every job was handled exactly once; with `'at most'`, jobs not handled yet are no fault. */
  check(name: string, mode: 'exactly' | 'at most' = 'exactly'): Check {
    let never = 0;
    let once = 0;
    let repeated = 0;
    for (const times of this.#times) {
      if (times === 0) never += 1;
      else if (times === 1) once += 1;
      else repeated += 1;
    }
    const ok = repeated === 0 && this.#outOfRange === 0 && (mode === 'at most' || never === 0);
    const detail = `${once} once, ${never} never, ${repeated} more than once, ${this.#outOfRange} unknown`;
    return { name, ok, detail };
  }
}

/** Holds when both lists have the same ids and neither repeats one. */
export function sameIds(name: string, expected: readonly string[], found: readonly string[]): Check {
  const wanted = new Set(expected);
  const present = new Set(found);
  const repeated = expected.length - wanted.size + (found.length - present.size);
  const missing = countOutside(wanted, present);
  const unexpected = countOutside(present, wanted);
  return {
    name,
    ok: repeated === 0 && missing === 0 && unexpected === 0,
    detail: `${found.length} found of ${expected.length}: ${missing} missing, ${unexpected} unexpected, ${repeated} repeated`,
  };
}

export function sameCount(name: string, expected: number, found: number): Check {
  return { name, ok: expected === found, detail: `${found} of ${expected}` };
}

function countOutside(ids: ReadonlySet<string>, others: ReadonlySet<string>): number {
  let outside = 0;
  for (const id of ids) if (!others.has(id)) outside += 1;
  return outside;
}
