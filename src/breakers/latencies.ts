/** Bins an octave: a bin is 1/16 of an octave wide, so its middle is within 3.2 % of what it holds. */
const STEPS = 16;
const STEP_BITS = 4;
/** Up to 2^31 µs, 35 minutes; what takes longer is in the last bin. */
const BINS = (31 - STEP_BITS + 1) * STEPS;

/** How long calls took, in bins that widen with the value: a fixed 2 KB and a few instructions a call, however many. */
export class Latencies {
  readonly #bins = new Uint32Array(BINS);
  count = 0;
  sum = 0;

  record(ms: number): void {
    const bin = binOf(ms);
    this.#bins[bin] = this.#bins[bin]! + 1;
    this.count += 1;
    this.sum += ms;
  }

  add(other: Latencies): void {
    for (let bin = 0; bin < BINS; bin += 1) this.#bins[bin] = this.#bins[bin]! + other.#bins[bin]!;
    this.count += other.count;
    this.sum += other.sum;
  }

  clear(): void {
    if (this.count === 0) return;
    this.#bins.fill(0);
    this.count = 0;
    this.sum = 0;
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** The value that this share of the calls did not exceed, ms; 0 without calls. @param share 0 to 1. */
  percentile(share: number): number {
    if (this.count === 0) return 0;
    const rank = Math.max(1, Math.ceil(share * this.count));
    let seen = 0;
    let bin = 0;
    for (; bin < BINS - 1; bin += 1) {
      seen += this.#bins[bin]!;
      if (seen >= rank) break;
    }
    return middleOf(bin);
  }
}

function binOf(ms: number): number {
  const micros = ms * 1000;
  // Below 2 * STEPS each microsecond has its own bin.
  if (!(micros >= STEPS)) return micros > 0 ? Math.trunc(micros) : 0;
  if (micros >= 2 ** 31) return BINS - 1;
  const octave = 31 - Math.clz32(micros) - STEP_BITS;
  return octave * STEPS + (micros >>> octave);
}

function middleOf(bin: number): number {
  const octave = Math.max(0, Math.trunc(bin / STEPS) - 1);
  const low = (bin - octave * STEPS) * 2 ** octave;
  return (low + 2 ** octave / 2) / 1000;
}
