import { expect, it } from 'vitest';
import { RedisTime } from './time.ts';

/** Redis's clock is 5,000,000 ms ahead of ours, or what `offMs` adds; answers take as long as given, all of it on the way back. */
function timeOf() {
  const state = { ms: 100, offMs: 0, way: [] as number[], learned: [] as number[], asked: 0 };
  const clock = { now: () => 0, monotonic: () => state.ms };
  const ask = async () => {
    state.asked++;
    const now = 5_000_000 + state.ms + state.offMs;
    state.ms += state.way.shift() ?? 1;
    return [Math.floor(now / 1000), Math.round((now % 1000) * 1000)] as const;
  };
  const time = new RedisTime(ask, clock, (microseconds, at) => {
    state.learned.push(microseconds / 1000 - at - 5_000_000);
  });
  return { state, time };
}

it('believes the answer that came soonest', async () => {
  const { state, time } = timeOf();
  state.way = [40, 8, 30];
  await time.learn();
  expect(state.learned).toEqual([-20, -4]);
  expect(state.asked).toBe(3);
  state.way = [6];
  await time.check();
  expect(state.learned.at(-1)).toBe(-3);
  state.way = [10];
  await time.check();
  expect(state.learned).toHaveLength(3);
});

it('asks once where the answer comes at once', async () => {
  const { state, time } = timeOf();
  await time.learn();
  expect(state.asked).toBe(1);
});

it('takes a worse answer once the clocks may have drifted apart, and any that shows that one was moved', async () => {
  const { state, time } = timeOf();
  await time.learn();
  state.way = [10];
  await time.check();
  expect(state.learned).toHaveLength(1);
  state.ms += 60_000;
  state.way = [10];
  await time.check();
  expect(state.learned).toEqual([-0.5, -5]);
  state.offMs = 3_600_000;
  state.way = [15];
  await time.check();
  expect(state.learned.at(-1)).toBe(3_600_000 - 7.5);
  // What took long tells nothing, whatever it says.
  state.offMs = 0;
  state.way = [25];
  await time.check();
  expect(state.learned).toHaveLength(3);
});
