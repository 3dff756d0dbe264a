import { family, table } from '../engine.ts';
import { dependencies, pair, tree } from './fixtures.ts';

const policies: readonly (readonly [string, object])[] = [
  ['no policy', {}],
  ['failParentOnFailure', { failParentOnFailure: true }],
  ['removeDependencyOnFailure', { removeDependencyOnFailure: true }],
  ['ignoreDependencyOnFailure', { ignoreDependencyOnFailure: true }],
  ['continueParentOnFailure', { continueParentOnFailure: true }],
];

/** What a failed child does to its parent, under each policy. */
export const policy = family('flow: child fails', {
  ...table(
    policies,
    ([name]) => `${name}: the only child`,
    async (lab, [, opts]) => {
      const { parents, children, flow, where, childWorker } = pair(lab);
      await flow.add(tree(parents, children, ['a'], opts));
      await (await lab.take(childWorker)).moveToFailed(new Error('bad child'), 't', false);
      return {
        where: await where(),
        dependencies: await dependencies(lab, parents, 'p'),
        parent: await lab.stored(parents, 'p'),
        events: [await lab.eventLog(parents), await lab.eventLog(children)],
      };
    },
  ),
  ...table(
    policies,
    ([name]) => `${name}: one of two children, the other completes later`,
    async (lab, [, opts]) => {
      const { parents, children, flow, where, childWorker } = pair(lab);
      await flow.add(tree(parents, children, ['a', 'b'], opts));
      await (await lab.take(childWorker)).moveToFailed(new Error('bad child'), 't', false);
      const between = await where();
      await (await lab.take(childWorker)).moveToCompleted('B', 't', false);
      return { between, after: await where(), dependencies: await dependencies(lab, parents, 'p') };
    },
  ),
  ...table(
    policies,
    ([name]) => `${name}: the parent runs next`,
    async (lab, [, opts]) => {
      const { parents, children, flow, where, childWorker, parentWorker } = pair(lab);
      await flow.add(tree(parents, children, ['a'], opts));
      await (await lab.take(childWorker)).moveToFailed(new Error('bad child'), 't', false);
      const job = await parentWorker.getNextJob('t', { block: false });
      const outcome = job ? await lab.refusal(job.moveToCompleted('done', 't', false)) : 'nothing to run';
      return { deferred: job?.deferredFailure ?? null, outcome, where: await where() };
    },
  ),
  ...table(
    policies,
    ([name]) => `${name}: the failed child is removed at once`,
    async (lab, [, opts]) => {
      const { parents, children, flow, where, childWorker } = pair(lab);
      await flow.add(tree(parents, children, ['a', 'b'], { ...opts, removeOnFail: true }));
      await (await lab.take(childWorker)).moveToFailed(new Error('bad child'), 't', false);
      return { where: await where(), dependencies: await dependencies(lab, parents, 'p') };
    },
  ),
  ...table(
    policies,
    ([name]) => `${name}: the failed child is retried and completes`,
    async (lab, [, opts]) => {
      const { parents, children, flow, where, childWorker } = pair(lab);
      await flow.add(tree(parents, children, ['a', 'b'], opts));
      await (await lab.take(childWorker)).moveToFailed(new Error('bad child'), 't', false);
      await (await children.getJob('a'))?.retry();
      const retried = { where: await where(), dependencies: await dependencies(lab, parents, 'p') };
      for (let n = 0; n < 2; n++) await (await lab.take(childWorker)).moveToCompleted(n, 't', false);
      return { retried, after: await where(), dependencies: await dependencies(lab, parents, 'p') };
    },
  ),
  ...table(
    policies,
    ([name]) => `${name}: three levels`,
    async (lab, [, opts]) => {
      const { parents, children, flow, where, childWorker } = pair(lab);
      const mid = { ...tree(children, children, ['x'], opts), name: 'mid', opts: { jobId: 'mid', ...opts } };
      await flow.add({ ...tree(parents, children, []), children: [mid] });
      await (await lab.take(childWorker)).moveToFailed(new Error('deep'), 't', false);
      const first = await where();
      const job = await childWorker.getNextJob('t', { block: false });
      if (job?.deferredFailure) await job.moveToFailed(new Error(job.deferredFailure), 't', false);
      else if (job) await job.moveToCompleted('mid', 't', false).catch(() => undefined);
      return { first, deferred: job?.deferredFailure ?? null, after: await where() };
    },
  ),
  'an attempt left: the parent keeps waiting': async lab => {
    const { parents, children, flow, where, childWorker } = pair(lab);
    await flow.add(tree(parents, children, ['a'], { failParentOnFailure: true, attempts: 2 }));
    await (await lab.take(childWorker)).moveToFailed(new Error('once'), 't', false);
    return where();
  },
  'a worker fails the parent for its deferred failure without running it': async lab => {
    const { parents, children, flow, childWorker } = pair(lab);
    await flow.add(tree(parents, children, ['a'], { failParentOnFailure: true }, { attempts: 5 }));
    let ran = false;
    await (await lab.take(childWorker)).moveToFailed(new Error('bad child'), 't', false);
    lab.worker(
      async () => {
        ran = true;
      },
      {},
      'parents',
    );
    await lab.until(async () => (await parents.getFailedCount()) === 1, 'the parent to fail');
    return { ran, parent: await lab.stored(parents, 'p') };
  },
  'a parent that is delayed by option fails all the same': async lab => {
    const { parents, children, flow, where, childWorker } = pair(lab);
    await flow.add(tree(parents, children, ['a'], { failParentOnFailure: true }, { delay: 600_000 }));
    await (await lab.take(childWorker)).moveToFailed(new Error('bad child'), 't', false);
    return { where: await where(), parent: await lab.stored(parents, 'p') };
  },
  'a parent with priority': async lab => {
    const { parents, children, flow, where, childWorker } = pair(lab);
    await flow.add(tree(parents, children, ['a'], { failParentOnFailure: true }, { priority: 3 }));
    await (await lab.take(childWorker)).moveToFailed(new Error('bad child'), 't', false);
    return { where: await where(), parent: await lab.stored(parents, 'p') };
  },
});
