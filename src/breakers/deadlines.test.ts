import { stat } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ManualWorld } from '../../test/breakers/manual-world.ts';
import { seededRandom, testSeed } from '../../test/support/random.ts';
import { Deadlines, Due } from './deadlines.ts';
import { systemSurroundings } from './surroundings.ts';

class Entry extends Due {
  readonly #expired: (entry: Entry) => void;
  constructor(expired: (entry: Entry) => void) {
    super();
    this.#expired = expired;
  }
  expire(): void {
    this.#expired(this);
  }
}

it('each expires once, at its time and in its order, unless it was removed; whatever the order of adding', async () => {
  const seed = testSeed();
  const random = seededRandom(seed);
  const world = new ManualWorld();
  const deadlines = new Deadlines(world);
  const waiting = new Set<Entry>();
  let last = 0;
  const expired = (entry: Entry) => {
    expect(waiting.delete(entry), `seed ${seed}`).toBe(true);
    expect(entry.until, `seed ${seed}`).toBe(world.monotonic());
    expect(entry.until).toBeGreaterThanOrEqual(last);
    last = entry.until;
  };
  for (let step = 0; step < 2_000; step += 1) {
    if (random.chance(0.6)) {
      const entry = new Entry(expired);
      waiting.add(entry);
      deadlines.add(entry, world.monotonic() + random.pick([50, 50, 50, 7, 200]));
    } else if (waiting.size > 0 && random.chance(0.7)) {
      const entry = random.pick([...waiting]);
      expect(deadlines.remove(entry)).toBe(true);
      expect(deadlines.remove(entry)).toBe(false);
      waiting.delete(entry);
    } else {
      await world.pass(random.int(1, 60));
    }
    const overdue = [...waiting].filter(({ until }) => until <= world.monotonic());
    expect(overdue, `seed ${seed}`).toEqual([]);
    expect(world.timers.waiting, `seed ${seed}`).toBeLessThanOrEqual(1);
    expect(world.timers.held, `seed ${seed}`).toBe(waiting.size > 0 ? 1 : 0);
  }
  deadlines.close();
  await world.pass(300);
  expect([waiting.size, world.timers.waiting]).toEqual([0, 0]);
});

describe('on the real event loop', () => {
  it('an answer that is ready when a blocked event loop goes on is not late', async () => {
    const deadlines = new Deadlines(systemSurroundings);
    const outcome = await new Promise<string>(resolve => {
      const entry = new Entry(() => resolve('late'));
      deadlines.add(entry, performance.now() + 20);
      stat(import.meta.filename, () => {
        if (deadlines.remove(entry)) resolve('in time');
      });
      const end = performance.now() + 200;
      while (performance.now() < end);
    });
    expect(outcome).toBe('in time');
    deadlines.close();
  });
});
