import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { collectLog } from '../../test/runtime/collect-log.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { silentLogger } from '../shared/logger.ts';
import { FileSwitches } from './switches.ts';

/** Switches in a file whose folder is not there, at times that the test moves. */
function switchesOf(logger = silentLogger) {
  const folder = join(tempDir('switches'), 'not-there');
  const clock = { at: 0, now: () => Date.now(), monotonic: () => clock.at };
  const switches = new FileSwitches('sqlite', { file: join(folder, 'jobs.db') }, logger, clock);
  onTestFinished(() => switches.close());
  return { switches, clock, folder, modes: switches.settings('breaker') };
}

const change = { by: 'ada', reason: 'the cache is suspected' };
const refused = expect.objectContaining({ code: expect.stringMatching(/^SPILLWAY_SQLITE_/) });

it('those who look again and again do not try each time to open a file that cannot be opened', async () => {
  const { switches, clock, folder, modes } = switchesOf();
  await expect(switches.watch('cache')).rejects.toEqual(refused);
  mkdirSync(folder);
  // All of them wait together: two that look must not hold the event loop twice.
  clock.at = 499;
  await expect(switches.watch('cache')).rejects.toEqual(refused);
  await expect(modes?.read()).rejects.toEqual(refused);
  expect(() => modes?.readNow()).toThrow(refused);
  clock.at = 500;
  expect(modes?.readNow()).toEqual([]);
  expect(await switches.watch('cache')).toBe('on');
});

it('they try half as often each time, down to once in 16 s', async () => {
  const { switches, clock } = switchesOf();
  const tries: number[] = [];
  let last: unknown;
  for (clock.at = 0; clock.at < 60_000; clock.at += 250) {
    const error = await switches.watch('cache').catch((reason: unknown) => reason);
    if (error !== last) tries.push(clock.at);
    last = error;
  }
  expect(tries).toEqual([0, 500, 1_500, 3_500, 7_500, 15_500, 31_500, 47_500]);
});

it('who is asked to set or to get a switch tries at once, and then it is open for all', async () => {
  const { logger, lines } = collectLog();
  const { switches, folder } = switchesOf(logger);
  await expect(switches.watch('cache')).rejects.toEqual(refused);
  await expect(switches.set('cache', 'off', change)).rejects.toEqual(refused);
  mkdirSync(folder);
  await switches.set('cache', 'off', change);
  expect(await switches.watch('cache')).toBe('off');
  expect(lines.map(({ message }) => message)).toEqual([expect.stringContaining('Switch cache set to off')]);
});
