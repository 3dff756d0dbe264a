import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BetweenBatches } from './between-batches.ts';

/** Work that says when it begins and lasts until it is told to end. */
function lasting(log: string[], name: string) {
  let end = () => {};
  const ended = new Promise<void>(resolve => {
    end = resolve;
  });
  const work = async () => {
    log.push(name);
    await ended;
    return name;
  };
  return { work, end: () => end() };
}

describe('BetweenBatches', () => {
  it('lets looks go on together, a batch alone, and what comes later wait for it', async () => {
    const between = new BetweenBatches();
    const log: string[] = [];
    const [one, two, batch, late] = ['one', 'two', 'batch', 'late'].map(name => lasting(log, name));
    const all = [between.look(one!.work), between.look(two!.work)];
    all.push(between.batch(batch!.work), between.look(late!.work));
    await setImmediate();
    expect(log).toEqual(['one', 'two']);
    one!.end();
    await setImmediate();
    expect(log).toEqual(['one', 'two']);
    two!.end();
    await setImmediate();
    expect(log).toEqual(['one', 'two', 'batch']);
    batch!.end();
    late!.end();
    expect(await Promise.all(all)).toEqual(['one', 'two', 'batch', 'late']);
    expect(log).toEqual(['one', 'two', 'batch', 'late']);
  });

  it('goes on after work that failed', async () => {
    const between = new BetweenBatches();
    const fail = async () => {
      throw new Error('no');
    };
    await expect(between.look(fail)).rejects.toThrow('no');
    await expect(between.batch(fail)).rejects.toThrow('no');
    expect(await between.batch(async () => between)).toBe(between);
    expect(await between.look(async () => 1)).toBe(1);
  });
});
