import { family, table } from '../engine.ts';
import type { Lab } from '../lab.ts';
import { timed } from './fixtures.ts';

function backends(lab: Lab) {
  return { queue: lab.queue(), backend: lab.worker().getBackend() };
}

/** waitForJob: the blocking primitive under every worker. Its argument is in seconds. */
export const primitive = family('waitForJob', {
  ...table(
    [
      ['a waiting job', {}],
      ['a prioritized job', { priority: 3 }],
      ['a lifo job', { lifo: true }],
    ] as const,
    ([name]) => `answers score 0 at once for ${name}`,
    async (lab, [, opts]) => {
      const { queue, backend } = backends(lab);
      await queue.add('a', {}, opts);
      const { answer, ms } = await timed(backend.waitForJob(5));
      return { score: answer?.score, member: typeof answer?.member, quick: ms < 1_000 };
    },
  ),
  'answers the due time when only delayed jobs exist': async lab => {
    const { queue, backend } = backends(lab);
    await queue.add('later', {}, { delay: 900_000, timestamp: lab.startedAt });
    await queue.add('sooner', {}, { delay: 600_000, timestamp: lab.startedAt });
    const { answer, ms } = await timed(backend.waitForJob(5));
    return { exact: answer?.score === lab.startedAt + 600_000, quick: ms < 1_000 };
  },
  'prefers a waiting job to a delayed one': async lab => {
    const { queue, backend } = backends(lab);
    await queue.add('d', {}, { delay: 600_000 });
    await queue.add('a', {});
    return { score: (await backend.waitForJob(5))?.score };
  },
  'answers null after its time without jobs': async lab => {
    const { backend } = backends(lab);
    const { answer, ms } = await timed(backend.waitForJob(0.05));
    return { answer: String(answer), waited: ms >= 40, notLong: ms < 1_500 };
  },
  'answers null on a paused queue': async lab => {
    const { queue, backend } = backends(lab);
    await queue.add('a', {});
    await queue.pause();
    return { answer: String(await backend.waitForJob(0.05)) };
  },
  'answers again after resume': async lab => {
    const { queue, backend } = backends(lab);
    await queue.add('a', {});
    await queue.pause();
    const paused = String(await backend.waitForJob(0.05));
    await queue.resume();
    return { paused, score: (await backend.waitForJob(5))?.score };
  },
  'resume announces a delayed job': async lab => {
    const { queue, backend } = backends(lab);
    await queue.pause();
    await queue.add('d', {}, { delay: 600_000, timestamp: lab.startedAt });
    await queue.resume();
    return { exact: (await backend.waitForJob(5))?.score === lab.startedAt + 600_000 };
  },
  ...table(
    [
      ['an added job', 'add'],
      ['a bulk', 'bulk'],
      ['a prioritized job', 'priority'],
      ['a promoted job', 'promote'],
      ['a retried job', 'retry'],
      ['a resumed queue', 'resume'],
      ['a job given back', 'give back'],
      ['a released parent', 'parent'],
      ['a flow', 'flow'],
      ['a scheduler', 'scheduler'],
    ] as const,
    ([name]) => `wakes for ${name} of another client`,
    async (lab, [, how]) => {
      const { queue, backend } = backends(lab);
      const other = lab.queue();
      const hand = lab.worker();
      await queue.waitUntilReady();
      if (how === 'promote') await queue.add('d', {}, { jobId: 'd', delay: 600_000 });
      if (how === 'retry') await lab.fail(queue, hand, 'f', 'x', { jobId: 'f' });
      if (how === 'give back') {
        await queue.add('g', {}, { jobId: 'g' });
        await lab.take(hand);
      }
      if (how === 'resume') {
        await queue.add('r', {});
        await queue.pause();
      }
      const children = lab.queue({}, 'children');
      const parent = () => ({
        name: 'p',
        queueName: queue.name,
        opts: { jobId: 'p' },
        children: [{ name: 'c', queueName: children.name }],
      });
      if (how === 'parent') await lab.flow().add(parent());
      while (await backend.waitForJob(0.01));
      const wait = timed(backend.waitForJob(5));
      await lab.pass(20);
      if (how === 'add') await other.add('a', {});
      if (how === 'bulk') await other.addBulk([{ name: 'a', data: {} }]);
      if (how === 'priority') await other.add('a', {}, { priority: 2 });
      if (how === 'promote') await (await other.getJob('d'))?.promote();
      if (how === 'retry') await (await other.getJob('f'))?.retry();
      if (how === 'resume') await other.resume();
      if (how === 'give back') await hand.getBackend().moveJobFromActiveToWait('g', 't');
      if (how === 'parent') await lab.complete(children, lab.worker(null, {}, 'children'), 'x');
      if (how === 'flow') await lab.flow().add({ name: 'a', queueName: queue.name });
      if (how === 'scheduler') await other.upsertJobScheduler('s', { every: 3_600_000 });
      const { answer, ms } = await wait;
      return { score: answer?.score, woke: ms < 3_000 };
    },
  ),
  'wakes for a delayed job with its due time': async lab => {
    const { backend } = backends(lab);
    const wait = timed(backend.waitForJob(5));
    await lab.pass(20);
    await lab.queue().add('d', {}, { delay: 600_000, timestamp: lab.startedAt });
    const { answer, ms } = await wait;
    return { exact: answer?.score === lab.startedAt + 600_000, woke: ms < 3_000 };
  },
  'takes fractions of a second': async lab => {
    const { backend } = backends(lab);
    const { ms } = await timed(backend.waitForJob(0.02));
    return {
      short: ms < 1_000,
      least: backend.minimumBlockTimeout > 0 && backend.minimumBlockTimeout <= 0.01,
    };
  },
  'is interrupted by disconnectBlocking': async lab => {
    const { backend } = backends(lab);
    await backend.waitUntilReady();
    const wait = timed(backend.waitForJob(8).catch(() => null));
    await lab.pass(30);
    await backend.disconnectBlocking();
    return { answer: String((await wait).answer), quick: (await wait).ms < 4_000 };
  },
  'works again after reconnectBlocking': async lab => {
    const { queue, backend } = backends(lab);
    await backend.waitUntilReady();
    await backend.disconnectBlocking();
    await backend.reconnectBlocking();
    await queue.add('a', {});
    return { score: (await backend.waitForJob(5))?.score };
  },
});
