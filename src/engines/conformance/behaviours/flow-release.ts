import { family, table } from '../engine.ts';
import { pair, tree } from './fixtures.ts';

/** A parent goes on once all its children have completed. */
export const releasing = family('flow: release', {
  ...table(
    [
      ['to wait', {}],
      ['to prioritized with a priority', { priority: 5 }],
      ['to delayed with a delay', { delay: 600_000 }],
      ['to delayed with both', { delay: 600_000, priority: 5 }],
      ['to the front with lifo', { lifo: true }],
    ] as const,
    ([name]) => `sends the parent ${name}`,
    async (lab, [, opts]) => {
      const { parents, children, flow, where, childWorker } = pair(lab);
      await parents.add('other', {}, { jobId: 'other' });
      await flow.add(tree(parents, children, ['a', 'b'], {}, opts));
      await (await lab.take(childWorker)).moveToCompleted('A', 't', false);
      const between = await lab.where(parents);
      const events = await lab.cursor(parents);
      await (await lab.take(childWorker)).moveToCompleted('B', 't', false);
      return { between, events: await lab.eventLog(parents, events), after: await where() };
    },
  ),
  'holds back on a paused queue': async lab => {
    const { parents, children, flow, childWorker } = pair(lab);
    await flow.add(tree(parents, children, ['a']));
    await parents.pause();
    await (await lab.take(childWorker)).moveToCompleted('A', 't', false);
    return { where: await lab.where(parents), state: await parents.getJobState('p') };
  },
  'happens also when children are removed on completion': async lab => {
    const { parents, children, flow, where, childWorker } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b'], { removeOnComplete: true }));
    for (const value of ['A', 'B']) await (await lab.take(childWorker)).moveToCompleted(value, 't', false);
    const parent = await parents.getJob('p');
    return { where: await where(), values: await parent?.getChildrenValues() };
  },
  'goes up through the levels': async lab => {
    const { parents, children, flow, where, childWorker } = pair(lab);
    const mid = { ...tree(children, children, ['x']), name: 'mid', opts: { jobId: 'mid' } };
    await flow.add({ ...tree(parents, children, []), children: [mid] });
    const seen = [await where()];
    await (await lab.take(childWorker)).moveToCompleted('X', 't', false);
    seen.push(await where());
    await (await lab.take(childWorker)).moveToCompleted('MID', 't', false);
    return [...seen, await where()];
  },
  'fetches the parent right away within one queue': async lab => {
    const { parents, flow, parentWorker } = pair(lab);
    await flow.add(tree(parents, parents, ['a']));
    const next = await (await lab.take(parentWorker)).moveToCompleted('A', 't', true);
    return { next: Array.isArray(next) ? next[1] : 'none', where: await lab.where(parents) };
  },
  'a child removed by hand frees the parent': async lab => {
    const { parents, children, flow, where } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b']));
    await children.remove('a');
    const between = await where();
    const events = await lab.eventsOf(parents, () => children.remove('b'));
    return { between, events, after: await where() };
  },
  'a child whose link was cut frees the parent': async lab => {
    const { parents, children, flow, where } = pair(lab);
    await flow.add(tree(parents, children, ['a']));
    const child = await children.getJob('a');
    const answers = [await child?.removeChildDependency(), child?.parentKey];
    return { answers, where: await where(), child: await lab.stored(children, 'a') };
  },
  'cutting a link twice answers false': async lab => {
    const { parents, children, flow } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b']));
    const backend = children.getBackend();
    const key = `${parents.qualifiedName}:p`;
    return [await backend.removeChildDependency('a', key), await backend.removeChildDependency('a', key)];
  },
  'cutting the link of a missing job or parent is refused': async lab => {
    const { parents, children, flow } = pair(lab);
    await flow.add(tree(parents, children, ['a']));
    const backend = children.getBackend();
    return [
      await lab.refusal(backend.removeChildDependency('nobody', `${parents.qualifiedName}:p`)),
      await lab.refusal(backend.removeChildDependency('a', `${parents.qualifiedName}:nobody`)),
    ];
  },
});
