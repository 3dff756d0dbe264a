import { once } from 'node:events';
import { UnrecoverableError } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { collectLog } from './collect-log.ts';
import { deferred } from './deferred.ts';
import { onEachEngine, refused } from './on-engines.ts';

onEachEngine('status and close', ({ name, start, fresh }) => {
  describe('stats and job', () => {
    it('counts every state, in the same shape', async () => {
      const spillway = start();
      const queue = spillway.queue(fresh());
      const worker = spillway.worker(
        queue.name,
        async job => {
          if (job.name === 'bad') throw new UnrecoverableError('no good');
          return { ok: true };
        },
        { autorun: false },
      );
      await queue.addBulk([
        { name: 'good', data: {} },
        { name: 'bad', data: {} },
      ]);
      const running = worker.run();
      await once(worker, 'drained');
      await worker.close();
      await running;
      await queue.add('now', {});
      await queue.add('later', {}, { delay: 3_600_000 });
      await queue.add('urgent', {}, { priority: 1 });
      await spillway.flow().add({
        name: 'parent',
        queueName: queue.name,
        children: [{ name: 'child', queueName: queue.name }],
      });

      const stats = await spillway.stats();
      expect(stats.mode).toBe(name);
      expect(stats.queues[queue.name]).toEqual({
        waiting: 3,
        active: 0,
        completed: 1,
        failed: 1,
        delayed: 1,
        prioritized: 1,
        waitingChildren: 1,
        total: 7,
      });
    });

    it('shows one job', async () => {
      const spillway = start();
      const queue = spillway.queue(fresh());
      const added = await queue.add('report', { secret: 'hunter2' });
      const id = added.id ?? '';
      expect(await spillway.job(queue.name, id)).toEqual({
        id,
        name: 'report',
        queue: queue.name,
        state: 'waiting',
        progress: 0,
        attemptsMade: 0,
        timestamps: { created: added.timestamp },
      });

      const worker = spillway.worker(queue.name, async job => {
        await job.updateProgress(40);
        throw new UnrecoverableError('out of ink');
      });
      await once(worker, 'failed');
      expect(await spillway.job(queue.name, id)).toMatchObject({
        state: 'failed',
        progress: 40,
        attemptsMade: 1,
        failedReason: 'out of ink',
        timestamps: { started: expect.any(Number), finished: expect.any(Number) },
      });
      expect(await spillway.job(queue.name, 'no-such-job')).toBeUndefined();
      await refused('SPILLWAY_UNKNOWN_QUEUE', () => spillway.job('from-a-request', id));
    });
  });

  describe('close', () => {
    it('lets running jobs finish, once for all callers, and refuses everything after', async () => {
      const spillway = start();
      const other = start();
      const queue = spillway.queue(fresh());
      const release = deferred();
      const worker = spillway.worker(queue.name, async () => {
        await release.promise;
        return 'finished';
      });
      // SQLite wakes the worker in the turn of the commit: listen before adding.
      const [added] = await Promise.all([queue.add('slow', {}), once(worker, 'active')]);
      const closing = spillway.close();
      expect(spillway.close()).toBe(closing);
      release.resolve();
      await Promise.all([closing, spillway.close()]);

      other.queue(queue.name);
      expect(await other.job(queue.name, added.id ?? '')).toMatchObject({
        state: 'completed',
        returnvalue: 'finished',
      });
      for (const use of [
        () => spillway.queue('x'),
        () => spillway.worker('x', null),
        () => spillway.queueEvents('x'),
        () => spillway.flow(),
        () => spillway.stats(),
        () => spillway.job('x', '1'),
        () => queue.add('x', {}),
        () => queue.addBulk([{ name: 'x', data: {} }]),
      ]) {
        await refused('SPILLWAY_CLOSED', use);
      }
    });

    it('gives a job back that does not finish in time, and refuses its late result', async () => {
      const log = collectLog();
      const spillway = start({ shutdownTimeoutMs: 0, logger: log.logger });
      const other = start();
      const queue = other.queue(fresh());
      const release = deferred();
      const aborted = deferred();
      const worker = spillway.worker(queue.name, async (_job, _token, signal) => {
        signal?.addEventListener('abort', () => aborted.resolve());
        await release.promise;
        return 'too late';
      });
      const running = await Promise.all([queue.add('stuck', {}), once(worker, 'active')]);
      const id = running[0].id ?? '';
      await spillway.close();
      await aborted.promise;
      expect(await other.job(queue.name, id)).toMatchObject({ state: 'waiting', attemptsMade: 0 });
      expect(log.lines.filter(line => line.level === 'warn').map(line => line.details)).toEqual([
        { queue: queue.name, givenBack: [id], left: [] },
      ]);

      const again = other.worker(queue.name, async () => 'second run');
      await once(again, 'completed');
      release.resolve();
      await again.close();
      expect(await other.job(queue.name, id)).toMatchObject({
        state: 'completed',
        returnvalue: 'second run',
      });
    });
  });
});
