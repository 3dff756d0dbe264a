import { expect, it } from 'vitest';
import { Versions } from './versions.ts';

/** A process whose idea of the common time is `offMs` from it. */
function processOff(offMs: number, time: { ms: number }): Versions {
  const versions = new Versions({ now: () => 0, monotonic: () => time.ms });
  versions.synchronize((1_000_000 + time.ms + offMs) * 1000, time.ms);
  return versions;
}

/** Two processes whose times differ as much as they may, each in turn the one who changes. */
function* pairs(): Generator<{ changer: Versions; other: Versions; time: { ms: number } }> {
  const time = { ms: 1_000 };
  const behind = processOff(-9, time);
  const ahead = processOff(9, time);
  for (let round = 0; round < 100; round += 1) {
    yield { changer: behind, other: ahead, time };
    yield { changer: ahead, other: behind, time };
    time.ms += 0.5;
  }
}

it('a deletion is newer than every load that began before it, by whatever process, loads after a change included', () => {
  for (const { changer, other } of pairs()) {
    const loaded = [other.next(), changer.next()];
    const deleted = changer.nextDeletion();
    for (const version of loaded) expect(deleted).toBeGreaterThan(version);
    expect(changer.nextSet()).toBeGreaterThan(deleted);
  }
});

it('an invalidation is newer than what another process has set, also right after it deleted something', () => {
  for (const { changer, other, time } of pairs()) {
    other.nextDeletion();
    const set = other.nextSet();
    expect(changer.nextInvalidation()).toBeGreaterThan(set);
    // What this process sets now must be newer than its invalidation: until then others wait.
    time.ms += 40;
  }
});

it('a load is never ahead of the common time, except by those before it', () => {
  const time = { ms: 1_000 };
  const versions = processOff(0, time);
  versions.nextDeletion();
  const first = versions.next();
  expect(first).toBe(versions.now());
  expect(versions.next()).toBe(first + 1);
});
