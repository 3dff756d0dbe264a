import { describe, expect, it } from 'vitest';
import { Rig, until } from './rig.ts';

describe('a program that ends while Redis is away', () => {
  it('and starts when it is back: what was finished is delivered before a worker can draw it again', async () => {
    await using rig = await Rig.start({}, ['--appendonly', 'yes']);
    const queue = rig.queue();
    const first = rig.worker(null, { lockDuration: 200, stalledInterval: 100 });
    await queue.add('done', {}, { jobId: 'done' });
    const job = await first.getNextJob('t', { block: false });
    expect(job?.id).toBe('done');
    await rig.redis.kill();
    await rig.reaches('standby');
    await job?.moveToCompleted('kept', 't', false);
    await queue.add('next', {}, { jobId: 'next' });
    await Promise.all([first.close(), queue.close()]);
    await rig.redis.restart();

    const second = rig.again().worker(null, { lockDuration: 200, stalledInterval: 1 });
    // The lock has run out by now or will soon: whoever looks after stalled jobs puts it back to those that wait.
    const stalled = second.getBackend();
    await until(async () => {
      await stalled.moveStalledJobsToWait();
      return (await second.getNextJob('t', { block: false }))?.id === 'next';
    }, 'the job that was not done');
    const again = rig.queue();
    expect(await again.getJobCounts('completed', 'wait', 'active')).toEqual({
      completed: 1,
      wait: 0,
      active: 1,
    });
    expect((await again.getJob('done'))?.returnvalue).toBe('kept');
    expect(rig.told.undeliverable).toEqual([]);
  });
});
