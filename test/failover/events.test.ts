import { describe, expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { Rig } from './rig.ts';

describe('who listens from now on', () => {
  it('hears what comes the moment Redis is back, whether it began before the outage or in it', async () => {
    await using rig = await Rig.start({}, DURABLE);
    const queue = rig.queue();
    const early = await rig.events();
    const worker = rig.worker(null);
    await queue.add('kept', {});
    const job = await worker.getNextJob('t', { block: false });
    await rig.redis.kill();
    await rig.reaches('standby');
    const late = await rig.events();
    await job?.moveToCompleted('done', 't', false);
    const heard = [early, late].map(events => job?.waitUntilFinished(events));

    // The report is the first thing that Redis gets, before anybody may read there again.
    await rig.redis.restart();
    expect(await Promise.all(heard)).toEqual(['done', 'done']);
  });
});

describe('a reader of events that was disconnected', () => {
  it.each(['primary', 'standby'] as const)('does not hold the event loop: %s', async state => {
    await using rig = await Rig.start({});
    const queue = rig.queue();
    const events = await rig.events();
    if (state === 'standby') {
      await rig.redis.kill();
      await rig.reaches('standby');
    }
    let told = 0;
    events.on('ioredis:close', () => told++);
    await events.disconnect();
    await events.disconnect();
    // A reader that asked again at once would never let a timer or an answer come.
    await queue.add('after', {});
    expect(await queue.count()).toBe(1);
    expect(told).toBe(1);
  });
});
