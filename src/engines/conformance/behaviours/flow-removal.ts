import { family } from '../engine.ts';
import { dependencies, pair, tree } from './fixtures.ts';

/** Removing members of a flow. */
export const removing = family('flow: remove', {
  'a parent takes its waiting children along': async lab => {
    const { parents, children, flow, where } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b']));
    const answer = await parents.remove('p');
    return {
      answer,
      where: await where(),
      events: [await lab.eventLog(parents), (await lab.eventLog(children)).sort()],
    };
  },
  'a parent leaves its children when told': async lab => {
    const { parents, children, flow, where } = pair(lab);
    await flow.add(tree(parents, children, ['a']));
    await parents.remove('p', { removeChildren: false });
    return { where: await where(), child: await lab.stored(children, 'a') };
  },
  'a parent takes completed and failed children along': async lab => {
    const { parents, children, flow, where, childWorker } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b', 'c'], { ignoreDependencyOnFailure: true }));
    await (await lab.take(childWorker)).moveToCompleted(1, 't', false);
    await (await lab.take(childWorker)).moveToFailed(new Error('x'), 't', false);
    const before = await where();
    return { before, answer: await parents.remove('p'), after: await where() };
  },
  'a parent with a locked child stays': async lab => {
    const { parents, children, flow, where, childWorker } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b']));
    await lab.take(childWorker);
    return { answer: await parents.remove('p'), where: await where() };
  },
  'a parent takes grandchildren along': async lab => {
    const { parents, children, flow, where } = pair(lab);
    const mid = { ...tree(children, children, ['x', 'y']), name: 'mid', opts: { jobId: 'mid' } };
    await flow.add({ ...tree(parents, children, []), children: [mid] });
    return { answer: await parents.remove('p'), where: await where() };
  },
  'removeUnprocessedChildren leaves processed and locked ones': async lab => {
    const { parents, children, flow, where, childWorker } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b', 'c', 'd']));
    await (await lab.take(childWorker)).moveToCompleted(1, 't', false);
    await lab.take(childWorker);
    await (await parents.getJob('p'))?.removeUnprocessedChildren();
    return { where: await where(), dependencies: await dependencies(lab, parents, 'p') };
  },
  'removeUnprocessedChildren of all releases the parent': async lab => {
    const { parents, children, flow, where } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b']));
    await (await parents.getJob('p'))?.removeUnprocessedChildren();
    return where();
  },
  'a completed child removed later keeps its value with the parent': async lab => {
    const { parents, children, flow, childWorker } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b']));
    await (await lab.take(childWorker)).moveToCompleted('A', 't', false);
    await children.remove('a');
    return dependencies(lab, parents, 'p');
  },
});

/** A running job that waits for children it added itself. */
export const waiting = family('flow: moveToWaitingChildren', {
  'moves an active job with pending children': async lab => {
    const { parents, children, parentWorker, where } = pair(lab);
    await parents.add('p', {}, { jobId: 'p' });
    const job = await lab.take(parentWorker);
    await children.add('a', {}, { jobId: 'a', parent: { id: 'p', queue: parents.qualifiedName } });
    const before = await lab.cursor(parents);
    const moved = await job.moveToWaitingChildren('t');
    return { moved, events: await lab.eventLog(parents, before), where: await where() };
  },
  'answers false without pending children': async lab => {
    const { parents, parentWorker, where } = pair(lab);
    await parents.add('p', {}, { jobId: 'p' });
    const job = await lab.take(parentWorker);
    return { moved: await job.moveToWaitingChildren('t'), where: await where() };
  },
  'looks at one child only when it is named': async lab => {
    const { parents, children, parentWorker, childWorker, where } = pair(lab);
    await parents.add('p', {}, { jobId: 'p' });
    const job = await lab.take(parentWorker);
    const parent = { id: 'p', queue: parents.qualifiedName };
    for (const jobId of ['a', 'b']) await children.add(jobId, {}, { jobId, parent });
    await (await lab.take(childWorker)).moveToCompleted(1, 't', false);
    const child = (id: string) => ({ child: { id, queue: children.qualifiedName } });
    const done = await job.moveToWaitingChildren('t', child('a'));
    return { done, pending: await job.moveToWaitingChildren('t', child('b')), where: await where() };
  },
  'refuses another token, a lost lock, a missing job': async lab => {
    const { parents, children, parentWorker } = pair(lab);
    await parents.add('p', {}, { jobId: 'p' });
    const job = await lab.take(parentWorker);
    await children.add('a', {}, { jobId: 'a', parent: { id: 'p', queue: parents.qualifiedName } });
    const backend = parentWorker.getBackend();
    return [
      await lab.refusal(job.moveToWaitingChildren('other')),
      await lab.refusal(backend.moveToWaitingChildren('nobody', 't')),
      await job.moveToWaitingChildren('t'),
      await lab.refusal(job.moveToWaitingChildren('t')),
      await lab.refusal(job.moveToWaitingChildren('0')),
    ];
  },
  'refuses a job with a failed child (-9)': async lab => {
    const { parents, children, parentWorker, childWorker } = pair(lab);
    await parents.add('p', {}, { jobId: 'p' });
    const job = await lab.take(parentWorker);
    const parent = { id: 'p', queue: parents.qualifiedName };
    for (const jobId of ['a', 'b'])
      await children.add(jobId, {}, { jobId, parent, failParentOnFailure: true });
    await (await lab.take(childWorker)).moveToFailed(new Error('bad'), 't', false);
    return [
      await lab.refusal(job.moveToWaitingChildren('t')),
      await lab.refusal(job.moveToCompleted(1, 't', false)),
    ];
  },
  'a job cannot complete while children are pending (-4)': async lab => {
    const { parents, children, parentWorker, where } = pair(lab);
    await parents.add('p', {}, { jobId: 'p' });
    const job = await lab.take(parentWorker);
    await children.add('a', {}, { jobId: 'a', parent: { id: 'p', queue: parents.qualifiedName } });
    const refusal = await lab.refusal(job.moveToCompleted(1, 'wrong token', false));
    return {
      refusal,
      where: await where(),
      failing: await lab.refusal(job.moveToFailed(new Error('x'), 't', false)),
    };
  },
  'comes back to wait when its child completes, to run again': async lab => {
    const { parents, children, parentWorker, childWorker } = pair(lab);
    await parents.add('p', {}, { jobId: 'p' });
    const job = await lab.take(parentWorker);
    await children.add('a', {}, { jobId: 'a', parent: { id: 'p', queue: parents.qualifiedName } });
    await job.moveToWaitingChildren('t');
    await (await lab.take(childWorker)).moveToCompleted('A', 't', false);
    const again = await lab.take(parentWorker);
    await again.moveToCompleted('P', 't', false);
    return { stored: await lab.stored(parents, 'p'), log: await lab.eventLog(parents) };
  },
});
