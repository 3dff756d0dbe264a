import { family } from '../engine.ts';
import { pair, tree } from './fixtures.ts';

/** Adding a flow. */
export const adding = family('flow: add', {
  'puts the parent into waiting-children and the children into wait': async lab => {
    const { parents, children, flow, where } = pair(lab);
    const node = await flow.add(tree(parents, children, ['a', 'b']));
    return { ids: [node.job.id, ...(node.children ?? []).map(it => it.job.id)], where: await where() };
  },
  'stores the links between them': async lab => {
    const { parents, children, flow } = pair(lab);
    await flow.add(tree(parents, children, ['a']));
    return { parent: await lab.stored(parents, 'p'), child: await lab.stored(children, 'a') };
  },
  'emits in each queue its own events': async lab => {
    const { parents, children, flow } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b']));
    return { parents: await lab.eventLog(parents), children: await lab.eventLog(children) };
  },
  'without children is a plain add with a generated id': async lab => {
    const { parents, flow } = pair(lab);
    const node = await flow.add({ name: 'x', queueName: parents.name, data: { n: 1 } });
    return { id: node.job.id, counts: await parents.getJobCounts('wait'), children: String(node.children) };
  },
  'advances the counter of each queue': async lab => {
    const { parents, children, flow } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b']));
    return [(await parents.add('x', {})).id, (await children.add('y', {})).id];
  },
  'within one queue': async lab => {
    const { parents, flow } = pair(lab);
    await flow.add(tree(parents, parents, ['a', 'b']));
    return { where: await lab.where(parents), log: await lab.eventLog(parents) };
  },
  'honours delay, priority and lifo of children': async lab => {
    const { parents, children, flow, where } = pair(lab);
    const child = (name: string, opts: object) => ({
      name,
      queueName: children.name,
      opts: { jobId: `c-${name}`, ...opts },
    });
    await flow.add({
      ...tree(parents, children, []),
      children: [
        child('plain', {}),
        child('delayed', { delay: 600_000 }),
        child('prioritized', { priority: 2 }),
        child('lifo', { lifo: true }),
      ],
    });
    return where();
  },
  'of three levels': async lab => {
    const { parents, children, flow, where } = pair(lab);
    const inner = tree(children, children, ['x', 'y']);
    await flow.add({
      ...tree(parents, children, ['leaf']),
      children: [
        { ...inner, name: 'mid', opts: { jobId: 'mid' } },
        ...(tree(parents, children, ['leaf']).children ?? []),
      ],
    });
    return where();
  },
  'with a node that has an empty list of children': async lab => {
    const { parents, children, flow, where } = pair(lab);
    await flow.add(tree(parents, children, []));
    return where();
  },
  "merges the queues' default options": async lab => {
    const { parents, children, flow } = pair(lab);
    const queuesOptions = { [children.name]: { defaultJobOptions: { attempts: 4, priority: 3 } } };
    await flow.add(tree(parents, children, ['a']), { queuesOptions });
    return { child: await lab.stored(children, 'a'), parent: await lab.stored(parents, 'p') };
  },
  'in bulk': async lab => {
    const { parents, children, flow, where } = pair(lab);
    const second = tree(parents, children, ['c'], {}, { jobId: 'p2' });
    const nodes = await flow.addBulk([
      tree(parents, children, ['a', 'b']),
      second,
      { name: 's', queueName: parents.name, opts: { jobId: 's' } },
    ]);
    return { ids: nodes.map(node => node.job.id), where: await where() };
  },
  'across prefixes': async lab => {
    const { parents, flow } = pair(lab);
    const other = lab.queue({ prefix: 'elsewhere' }, 'other');
    await flow.add({
      ...tree(parents, parents, []),
      children: [{ name: 'far', queueName: other.name, prefix: 'elsewhere', opts: { jobId: 'far' } }],
    });
    const before = await lab.where(parents);
    const worker = lab.worker(null, { prefix: 'elsewhere' }, 'other');
    await (await lab.take(worker)).moveToCompleted('from afar', 't', false);
    const parent = await parents.getJob('p');
    return { before, after: await lab.where(parents), values: await parent?.getChildrenValues() };
  },
  'refuses de-duplication on a node with children': async lab => {
    const { parents, children, flow, where } = pair(lab);
    const refusal = await lab.refusal(
      flow.add(tree(parents, children, ['a'], {}, { deduplication: { id: 'd' } })),
    );
    return { refusal, where: await where() };
  },
  'refuses de-duplication on a child': async lab => {
    const { parents, children, flow, where } = pair(lab);
    const refusal = await lab.refusal(
      flow.add(tree(parents, children, ['a'], { deduplication: { id: 'd' } })),
    );
    return { refusal, where: await where() };
  },
  'refuses a parent that does not exist (-5)': async lab => {
    const { parents, children, flow } = pair(lab);
    const opts = { parent: { id: 'nobody', queue: parents.qualifiedName } };
    const refusal = await lab.refusal(
      flow.add({ name: 'x', queueName: children.name, opts: { ...opts, jobId: 'x' } }),
    );
    return { refusal, children: await lab.where(children) };
  },
  'attaches a new child to an existing parent': async lab => {
    const { parents, children, flow, where, childWorker } = pair(lab);
    await flow.add(tree(parents, children, ['a']));
    const opts = { parent: { id: 'p', queue: parents.qualifiedName }, jobId: 'late' };
    await children.add('late', {}, opts);
    await (await lab.take(childWorker)).moveToCompleted(1, 't', false);
    const between = await where();
    await (await lab.take(childWorker)).moveToCompleted(2, 't', false);
    return { between, after: await where() };
  },
  'attaches a flow below an existing parent': async lab => {
    const { parents, children, flow, where } = pair(lab);
    await flow.add(tree(parents, children, ['a']));
    const below = tree(children, children, ['x']);
    await flow.add({
      ...below,
      name: 'mid',
      opts: { jobId: 'mid', parent: { id: 'p', queue: parents.qualifiedName } },
    });
    const parent = await parents.getJob('p');
    return { where: await where(), count: await parent?.getDependenciesCount() };
  },
});

/** Existing jobs named as children or parents of a new flow. */
export const existing = family('flow: existing jobs', {
  'a child that already completed counts as processed': async lab => {
    const { parents, children, flow, where, childWorker } = pair(lab);
    await lab.complete(children, childWorker, 'a', { early: 1 }, { jobId: 'a' });
    await flow.add(tree(parents, children, ['a']));
    const parent = await parents.getJob('p');
    return {
      where: await where(),
      values: await parent?.getChildrenValues(),
      log: await lab.eventLog(parents),
    };
  },
  'a parent waits for the others when one child already completed': async lab => {
    const { parents, children, flow, where, childWorker } = pair(lab);
    await lab.complete(children, childWorker, 'a', 1, { jobId: 'a' });
    await flow.add(tree(parents, children, ['a', 'b']));
    const before = await where();
    await (await lab.take(childWorker)).moveToCompleted(2, 't', false);
    return { before, after: await where() };
  },
  'a child that waits is adopted': async lab => {
    const { parents, children, flow, where } = pair(lab);
    await children.add('a', { own: true }, { jobId: 'a' });
    await flow.add(tree(parents, children, ['a']));
    return {
      where: await where(),
      child: await lab.stored(children, 'a'),
      log: await lab.eventLog(children),
    };
  },
  'a child that failed stays and holds the parent': async lab => {
    const { parents, children, flow, where, childWorker } = pair(lab);
    await lab.fail(children, childWorker, 'a', 'x', { jobId: 'a' });
    await flow.add(tree(parents, children, ['a']));
    const parent = await parents.getJob('p');
    return { where: await where(), count: await parent?.getDependenciesCount() };
  },
  'a child of another living parent is refused (-7)': async lab => {
    const { parents, children, flow, where } = pair(lab);
    await flow.add(tree(parents, children, ['a']));
    const refusal = await lab.refusal(flow.add(tree(parents, children, ['a'], {}, { jobId: 'p2' })));
    const accepted = JSON.stringify(refusal).includes('accepted');
    return { accepted, where: await where(), child: await lab.stored(children, 'a') };
  },
  'a job added under another living parent is refused (-7)': async lab => {
    const { parents, children, flow, where } = pair(lab);
    await flow.add(tree(parents, children, ['a']));
    await flow.add(tree(parents, children, ['b'], {}, { jobId: 'p2' }));
    const parent = { id: 'p2', queue: parents.qualifiedName };
    return {
      refusal: await lab.refusal(children.add('a', {}, { jobId: 'a', parent })),
      where: await where(),
    };
  },
  'a child whose parent is gone is adopted': async lab => {
    const { parents, children, flow, where } = pair(lab);
    await flow.add(tree(parents, children, ['a']));
    await parents.remove('p', { removeChildren: false });
    await flow.add(tree(parents, children, ['a'], {}, { jobId: 'p2' }));
    return { where: await where(), child: await lab.stored(children, 'a') };
  },
  'the same flow twice is the same flow': async lab => {
    const { parents, children, flow, where } = pair(lab);
    await flow.add(tree(parents, children, ['a']));
    await flow.add(tree(parents, children, ['a']));
    const parent = await parents.getJob('p');
    return {
      where: await where(),
      count: await parent?.getDependenciesCount(),
      log: await lab.eventLog(children),
    };
  },
  'a parent added again with more children waits for all': async lab => {
    const { parents, children, flow, where } = pair(lab);
    await flow.add(tree(parents, children, ['a']));
    await flow.add(tree(parents, children, ['b']));
    const parent = await parents.getJob('p');
    return { where: await where(), count: await parent?.getDependenciesCount() };
  },
  'duplicate ids among the children count once': async lab => {
    const { parents, children, flow, where } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'a']));
    const parent = await parents.getJob('p');
    return { where: await where(), count: await parent?.getDependenciesCount() };
  },
});
