import { expect, it } from 'vitest';
import { Versions } from './versions.ts';

/** A process whose idea of the common time is `offMs` from it. */
function processOff(offMs: number, time: { ms: number }): Versions {
  const versions = new Versions({ now: () => 0, monotonic: () => time.ms });
  versions.synchronize((1_000_000 + time.ms + offMs) * 1000, time.ms);
  return versions;
}

it('a change is newer than every load that began before it, by whatever process, loads after a change included', () => {
  const time = { ms: 1_000 };
  const behind = processOff(-9, time);
  const ahead = processOff(9, time);
  for (let round = 0; round < 100; round += 1) {
    for (const [changer, loader] of [
      [behind, ahead],
      [ahead, behind],
    ] as const) {
      const loaded = [loader.next(), changer.next()];
      const changed = changer.nextChange();
      for (const version of loaded) expect(changed).toBeGreaterThan(version);
      expect(changer.nextSet()).toBeGreaterThan(changed);
      time.ms += 0.5;
    }
  }
});

it('a load is never ahead of the common time, except by those before it', () => {
  const time = { ms: 1_000 };
  const versions = processOff(0, time);
  versions.nextChange();
  const first = versions.next();
  expect(first).toBe(versions.now());
  expect(versions.next()).toBe(first + 1);
});
