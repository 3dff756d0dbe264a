import { family } from '../engine.ts';
import { picture } from './fixtures.ts';

/** What else is to know about de-duplication. */
export const details = family('de-duplication', {
  'stores the id with the job': async lab => {
    const queue = lab.queue();
    const job = await queue.add('a', {}, { deduplication: { id: 'd' } });
    return { id: job.deduplicationId, stored: await lab.stored(queue, job.id) };
  },
  'answers the id of the living job, keeping its data': async lab => {
    const queue = lab.queue();
    await queue.add('a', { n: 1 }, { deduplication: { id: 'd' } });
    const second = await queue.add('b', { n: 2 }, { deduplication: { id: 'd' } });
    return { id: second.id, stored: await lab.stored(queue, '1') };
  },
  'holds in bulk too': async lab => {
    const queue = lab.queue();
    const opts = { deduplication: { id: 'd' } };
    const jobs = await queue.addBulk(['a', 'b', 'c'].map(name => ({ name, data: {}, opts })));
    return { ids: jobs.map(job => job.id), where: await lab.where(queue), log: await lab.eventLog(queue) };
  },
  'tells ids apart': async lab => {
    const queue = lab.queue();
    for (const id of ['d', 'D', 'd ', 'd:1']) await queue.add('a', {}, { deduplication: { id } });
    return lab.where(queue);
  },
  'holds per queue': async lab => {
    const [one, two] = [lab.queue({}, 'one'), lab.queue({}, 'two')];
    const opts = { deduplication: { id: 'd' } };
    await one.add('a', {}, opts);
    await two.add('a', {}, opts);
    return [await lab.where(one), await lab.where(two)];
  },
  'ends with its ttl': async lab => {
    const queue = lab.queue();
    const opts = { deduplication: { id: 'd', ttl: 30 } };
    await queue.add('a', {}, opts);
    await lab.until(async () => (await queue.getDeduplicationJobId('d')) === null, 'the ttl to pass');
    await queue.add('b', {}, opts);
    return lab.where(queue);
  },
  'ttl holds on after completion': async lab => {
    const queue = lab.queue();
    const deduplication = { id: 'd', ttl: 60_000 };
    await lab.complete(queue, lab.worker(), 'a', 1, { deduplication });
    await queue.add('b', {}, { deduplication });
    return picture(lab, queue);
  },
  'a simple key ends with completion': async lab => {
    const queue = lab.queue();
    const deduplication = { id: 'd' };
    await lab.complete(queue, lab.worker(), 'a', 1, { deduplication });
    const between = await picture(lab, queue);
    await queue.add('b', {}, { deduplication });
    return { between, after: await picture(lab, queue) };
  },
  'a simple key ends with final failure, not with a retry': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    const seen: unknown[] = [];
    await queue.add('a', {}, { attempts: 2, deduplication: { id: 'd' } });
    for (let n = 0; n < 2; n++) {
      await (await lab.take(worker)).moveToFailed(new Error('x'), 't', false);
      seen.push(await picture(lab, queue));
    }
    return seen;
  },
  'extend renews the ttl, without extend it runs on': async lab => {
    const queue = lab.queue();
    const add = (id: string, extend: boolean) =>
      queue.add('a', {}, { deduplication: { id, ttl: 400, extend } });
    await Promise.all([add('renewed', true), add('plain', false)]);
    await lab.pass(250);
    await Promise.all([add('renewed', true), add('plain', false)]);
    await lab.pass(250);
    return {
      renewed: await queue.getDeduplicationJobId('renewed'),
      plain: String(await queue.getDeduplicationJobId('plain')),
    };
  },
  'replacing keeps the running ttl without extend': async lab => {
    const queue = lab.queue();
    const deduplication = { id: 'd', ttl: 300, replace: true };
    await queue.add('a', {}, { jobId: 'a', delay: 600_000, deduplication });
    await lab.pass(200);
    await queue.add('b', {}, { jobId: 'b', delay: 600_000, deduplication });
    const replaced = await picture(lab, queue);
    await lab.pass(150);
    return { replaced, later: await picture(lab, queue) };
  },
  'replacing stores the new data and name': async lab => {
    const queue = lab.queue();
    const opts = { delay: 600_000, deduplication: { id: 'd', replace: true } };
    await queue.add('a', { n: 1 }, opts);
    const second = await queue.add('b', { n: 2 }, opts);
    return {
      second: await lab.stored(queue, second.id),
      first: await lab.stored(queue, '1'),
      where: await lab.where(queue),
    };
  },
  'replacing emits removed and deduplicated': async lab => {
    const queue = lab.queue();
    const opts = { delay: 600_000, timestamp: 1_000, deduplication: { id: 'd', replace: true } };
    await queue.add('a', {}, opts);
    return lab.eventsOf(queue, () => queue.add('b', {}, opts));
  },
  'rescheduling takes the new delay, keeping id and data': async lab => {
    const queue = lab.queue();
    const deduplication = { id: 'd', reschedule: true };
    const at = { timestamp: lab.startedAt, deduplication };
    await queue.add('other', {}, { delay: 650_000, timestamp: lab.startedAt });
    await queue.add('a', { n: 1 }, { ...at, delay: 600_000, jobId: 'a' });
    const before = await lab.where(queue);
    const events = await lab.eventsOf(queue, () => queue.add('b', { n: 2 }, { ...at, delay: 700_000 }));
    return { before, events, after: await lab.where(queue), stored: await lab.stored(queue, 'a') };
  },
  'rescheduling without a delay makes the job due': async lab => {
    const queue = lab.queue();
    const deduplication = { id: 'd', reschedule: true };
    await queue.add('a', {}, { deduplication, delay: 600_000 });
    await queue.add('b', {}, { deduplication });
    return { before: await lab.where(queue), order: await lab.runAll(lab.worker()) };
  },
  'removing the key frees the id': async lab => {
    const queue = lab.queue();
    const deduplication = { id: 'd' };
    await queue.add('a', {}, { deduplication });
    const removed = [await queue.removeDeduplicationKey('d'), await queue.removeDeduplicationKey('d')];
    await queue.add('b', {}, { deduplication });
    return { removed, ...(await picture(lab, queue)) };
  },
  'a job removes the key only while it is its own': async lab => {
    const queue = lab.queue();
    const deduplication = { id: 'd' };
    const first = await queue.add('a', {}, { deduplication });
    const answers = [await first.removeDeduplicationKey(), await first.removeDeduplicationKey()];
    await queue.add('b', {}, { deduplication });
    answers.push(await first.removeDeduplicationKey());
    const backend = queue.getBackend();
    return {
      answers,
      raw: [await backend.removeDeduplicationKey('d', '1'), await backend.removeDeduplicationKey('d', '2')],
    };
  },
  'a job without de-duplication has no key to remove': async lab =>
    (await lab.queue().add('a', {})).removeDeduplicationKey(),
  "an older job finishing leaves a newer job's key": async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    const deduplication = { id: 'd' };
    await queue.add('a', {}, { deduplication });
    const job = await lab.take(worker);
    await queue.removeDeduplicationKey('d');
    await queue.add('b', {}, { deduplication });
    await job.moveToCompleted(1, 't', false);
    return picture(lab, queue);
  },
  'keepLastIfActive keeps the options of the last': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    const deduplication = { id: 'd', keepLastIfActive: true };
    await queue.add('a', {}, { deduplication });
    const job = await lab.take(worker);
    await queue.add('b', { n: 2 }, { deduplication, priority: 4, attempts: 3 });
    await job.moveToFailed(new Error('x'), 't', false);
    const where = await lab.where(queue);
    const id = where.prioritized?.[0] ?? where.wait?.[0];
    return { where, next: await lab.stored(queue, id), key: await queue.getDeduplicationJobId('d') };
  },
  'keepLastIfActive with a delay delays the next': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    const deduplication = { id: 'd', keepLastIfActive: true };
    await queue.add('a', {}, { deduplication });
    const job = await lab.take(worker);
    await queue.add('b', { n: 2 }, { deduplication, delay: 600_000 });
    await job.moveToCompleted(1, 't', false);
    return picture(lab, queue);
  },
  'keepLastIfActive holds on over a retry': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    const deduplication = { id: 'd', keepLastIfActive: true };
    await queue.add('a', {}, { deduplication, attempts: 2 });
    const job = await lab.take(worker);
    await queue.add('b', {}, { deduplication });
    await job.moveToFailed(new Error('x'), 't', false);
    const between = await picture(lab, queue);
    await (await lab.take(worker)).moveToCompleted(1, 't', false);
    return { between, after: await picture(lab, queue) };
  },
  'a stale key (its job is gone without trace) does not block': async lab => {
    const queue = lab.queue();
    const flow = lab.flow();
    const seen: unknown[] = [];
    for (const mode of [{ keepLastIfActive: true }, { ttl: 60_000 }, { replace: true }]) {
      const deduplication = { id: 'd', ...mode };
      await flow.add({ name: 'a', queueName: queue.name, opts: { deduplication, removeOnComplete: true } });
      const worker = lab.worker();
      await (await lab.take(worker)).moveToCompleted(1, 't', false);
      await queue.add('b', {}, { deduplication });
      seen.push({
        key: typeof (await queue.getDeduplicationJobId('d')),
        counts: await queue.getJobCounts('wait', 'completed'),
      });
      await queue.obliterate();
      await queue.removeDeduplicationKey('d');
    }
    return seen;
  },
});
