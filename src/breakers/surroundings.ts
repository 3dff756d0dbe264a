import { type Clock, systemClock } from '../shared/clock.ts';

/** One wait that can be called off. */
export interface Timer {
  cancel(): void;
  /** Whether it keeps the process alive until it is over. */
  hold(on: boolean): void;
}

/** What breakers take from the world, so that a test can be the world: its clocks, its timers and its dice. */
export interface Surroundings extends Clock {
  /** A fraction, 0 <= x < 1. Spreads openings and retries; never decides who may call. */
  random(): number;
  /** Runs it once after so many milliseconds; holds the process until then. */
  after(ms: number, run: () => void): Timer;
}

/** What setTimeout can wait; it fires at once when asked for more. */
const LONGEST_MS = 2_147_483_647;

export const systemSurroundings: Surroundings = {
  ...systemClock,
  random: Math.random,
  after(ms, run) {
    let immediate: NodeJS.Immediate | undefined;
    const timer = setTimeout(
      () => {
        // When the program has held up the event loop, timers fire before answers that came meanwhile are read: those
        // must not count as late, so what is ready is read first.
        immediate = setImmediate(run);
      },
      Math.min(ms, LONGEST_MS),
    );
    return {
      cancel() {
        clearTimeout(timer);
        clearImmediate(immediate);
      },
      hold(on) {
        if (on) timer.ref();
        else timer.unref();
      },
    };
  },
};
