import { expect, it } from 'vitest';
import { onEachEngine, refused } from './on-engines.ts';

/** Waits until it holds; the engines have no common event for it. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`never held: ${holds}`);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

onEachEngine('a worker with a breaker', ({ start, fresh }) => {
  it('goes on by itself after an outage, in which only real calls have spent attempts', async () => {
    const spillway = start();
    const name = fresh();
    const failing = 3;
    let calls = 0;
    const breaker = spillway.breaker(
      'service',
      async (n: number) => {
        calls += 1;
        if (calls <= failing) throw new Error('down');
        return n;
      },
      { minimumCalls: 1, openMs: 20, openFactor: 1 },
    );
    const queue = spillway.queue(name, { defaultJobOptions: { attempts: 4 } });
    await queue.addBulk(Array.from({ length: 30 }, (_, n) => ({ name: 'call', data: { n } })));
    const worker = spillway.worker(name, job => breaker.fire(job.data.n), { breaker, concurrency: 4 });
    await until(async () => (await queue.getCompletedCount()) === 30);
    const jobs = await queue.getCompleted();
    expect(jobs.map(job => job.returnvalue).toSorted((one, other) => one - other)).toEqual(
      Array.from({ length: 30 }, (_, n) => n),
    );
    const spent = jobs.reduce((sum, { attemptsMade }) => sum + attemptsMade, 0);
    expect(spent).toBe(30 + failing);
    expect(calls).toBe(30 + failing);
    await until(() => !worker.isPaused());
  });

  it('asks for nothing while it is forced open, and gives back what it holds', async () => {
    const spillway = start();
    const name = fresh();
    const breaker = spillway.breaker(fresh(), async () => 'done', { mode: 'forced-open' });
    const queue = spillway.queue(name);
    const worker = spillway.worker(name, () => breaker.fire(), { breaker, concurrency: 2 });
    await queue.addBulk(Array.from({ length: 5 }, () => ({ name: 'call', data: {} })));
    await until(() => worker.isPaused());
    await until(async () => (await queue.getWaitingCount()) === 5);
    expect(await queue.getJobCounts('active', 'failed', 'completed')).toEqual({
      active: 0,
      failed: 0,
      completed: 0,
    });
    expect(breaker.stats.fires).toBe(0);
    breaker.setMode('automatic');
    await until(async () => (await queue.getCompletedCount()) === 5);
    expect((await queue.getCompleted()).map(({ attemptsMade }) => attemptsMade)).toEqual([1, 1, 1, 1, 1]);
  });

  it('spends no attempt on a job for which all places of its breaker were taken', async () => {
    const spillway = start();
    const name = fresh();
    let [running, most] = [0, 0];
    const call = async (n: number) => {
      most = Math.max(most, ++running);
      await new Promise(resolve => setTimeout(resolve, 5));
      running -= 1;
      return n;
    };
    const breaker = spillway.breaker(fresh(), call, { concurrency: 1 });
    const queue = spillway.queue(name);
    await queue.addBulk(Array.from({ length: 8 }, (_, n) => ({ name: 'call', data: { n } })));
    spillway.worker(name, job => breaker.fire(job.data.n), { breaker, concurrency: 4 });
    await until(async () => (await queue.getJobCountByTypes('completed', 'failed')) === 8);
    const jobs = await queue.getCompleted();
    expect(jobs.map(({ attemptsMade }) => attemptsMade)).toEqual(Array.from({ length: 8 }, () => 1));
    expect(breaker.stats.semaphoreRejections, 'some were refused').toBeGreaterThan(0);
    expect(most).toBe(1);
  });

  it('closes while it is open', async () => {
    const spillway = start();
    const name = fresh();
    const breaker = spillway.breaker(fresh(), async () => 'done', { mode: 'forced-open' });
    const worker = spillway.worker(name, () => breaker.fire(), { breaker });
    await spillway.queue(name).add('call', {});
    await until(() => worker.isPaused());
    await spillway.close();
    expect(breaker.isShutdown).toBe(true);
  });

  it('must be a breaker, and its handler a function', async () => {
    const spillway = start();
    const handler = async () => {};
    const message = await refused('SPILLWAY_INVALID_OPTION', () =>
      spillway.worker(fresh(), handler, { breaker: {} as never }),
    );
    expect(message).toContain('must be a breaker or a provider chain');
    const breaker = spillway.breaker('service', handler);
    await refused('SPILLWAY_INVALID_OPTION', () => spillway.worker(fresh(), './handler.ts', { breaker }));
  });
});
