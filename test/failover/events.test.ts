import { describe, expect, it } from 'vitest';
import { Rig } from './rig.ts';

describe('who listens from now on', () => {
  it('hears what comes the moment Redis is back, whether it began before the outage or in it', async () => {
    await using rig = await Rig.start({}, ['--appendonly', 'yes']);
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
