import type { Surroundings, Timer } from '../../src/breakers/index.ts';

/** A world whose time a test moves: timers fire in order, each at its own moment. */
export class ManualWorld implements Surroundings {
  #monotonic = 1_000;
  #timers: { at: number; run: () => void; held: boolean }[] = [];
  /** The time of day, which may jump. */
  wall = Date.UTC(2026, 0, 1);
  /** What `random` answers: 0.5 makes jitter nothing. */
  chance = 0.5;

  now(): number {
    return this.wall;
  }
  monotonic(): number {
    return this.#monotonic;
  }
  random(): number {
    return this.chance;
  }

  after(ms: number, run: () => void): Timer {
    const timer = { at: this.#monotonic + ms, run, held: true };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter(each => each !== timer);
      },
      hold: on => {
        timer.held = on;
      },
    };
  }

  /** How many timers wait, and how many of them keep a process alive. */
  get timers(): { waiting: number; held: number } {
    return { waiting: this.#timers.length, held: this.#timers.filter(({ held }) => held).length };
  }

  /** Lets so much time pass. What promises do in answer is done when it resolves. */
  async pass(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settled();
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).toSorted((one, other) => one.at - other.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter(each => each !== due);
      this.#monotonic = Math.max(this.#monotonic, due.at);
      due.run();
      await settled();
    }
    this.#monotonic = end;
    await settled();
  }
}

/** All promises that can settle now have. */
export function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
