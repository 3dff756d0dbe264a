import { family, table } from '../engine.ts';
import { pair, tree } from './fixtures.ts';

/** Looking at a job's children. */
export const looking = family('flow: dependencies', {
  'lists processed and unprocessed children': async lab => {
    const { parents, children, flow, childWorker } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b', 'c']));
    await (await lab.take(childWorker)).moveToCompleted({ n: 1 }, 't', false);
    const job = await parents.getJob('p');
    const all = await job?.getDependencies();
    return { ...all, unprocessed: all?.unprocessed?.sort() };
  },
  'pages through with cursors until 0': async lab => {
    const { parents, children, flow, childWorker } = pair(lab);
    const ids = Array.from({ length: 6 }, (_, n) => `c${n}`);
    await flow.add(tree(parents, children, ids));
    for (let n = 0; n < 3; n++) await (await lab.take(childWorker)).moveToCompleted(n, 't', false);
    const job = await parents.getJob('p');
    const seen = { processed: new Set<string>(), unprocessed: new Set<string>() };
    let cursor: number | undefined = 0;
    do {
      const page: { processed?: object; nextProcessedCursor?: number } =
        (await job?.getDependencies({ processed: { cursor, count: 2 } })) ?? {};
      for (const key of Object.keys(page.processed ?? {})) seen.processed.add(key);
      cursor = page.nextProcessedCursor;
    } while (cursor);
    cursor = 0;
    do {
      const page: { unprocessed?: string[]; nextUnprocessedCursor?: number } =
        (await job?.getDependencies({ unprocessed: { cursor, count: 2 } })) ?? {};
      for (const key of page.unprocessed ?? []) seen.unprocessed.add(key);
      cursor = page.nextUnprocessedCursor;
    } while (cursor);
    return { processed: [...seen.processed].sort(), unprocessed: [...seen.unprocessed].sort() };
  },
  ...table(
    [
      ['processed', 'c'],
      ['ignored', 'c'],
      ['processed', 'a-name-so-long-that-redis-keeps-these-children-in-a-table-of-its-own-'],
    ] as const,
    ([kind, id]) => `a page of few ${kind} children with ${id === 'c' ? 'short' : 'long'} keys`,
    async (lab, [kind, id]) => {
      const { parents, children, flow, childWorker } = pair(lab);
      const node = tree(
        parents,
        children,
        Array.from({ length: 6 }, (_, n) => `${id}${n}`),
      );
      for (const child of node.children ?? [])
        Object.assign(child.opts ?? {}, { ignoreDependencyOnFailure: true });
      await flow.add(node);
      for (let n = 0; n < 6; n++) {
        const job = await lab.take(childWorker);
        if (kind === 'processed') await job.moveToCompleted(n, 't', false);
        else await job.moveToFailed(new Error('x'), 't', false);
      }
      const job = await parents.getJob('p');
      const page = await job?.getDependencies({ [kind]: { count: 2 } });
      const number = Object.keys(page?.[kind] ?? {}).length;
      const next = kind === 'processed' ? page?.nextProcessedCursor : page?.nextIgnoredCursor;
      return { whole: number === 6, atLeast: number >= 2, ends: next === 0 };
    },
  ),
  'lists failed and ignored children apart': async lab => {
    const { parents, children, flow, childWorker } = pair(lab);
    const node = tree(parents, children, ['a', 'b', 'c']);
    const opts = [{ failParentOnFailure: true }, { ignoreDependencyOnFailure: true }, {}];
    node.children?.forEach((child, n) => {
      Object.assign(child.opts ?? {}, opts[n]);
    });
    await flow.add(node);
    for (const reason of ['one', 'two'])
      await (await lab.take(childWorker)).moveToFailed(new Error(reason), 't', false);
    const job = await parents.getJob('p');
    return {
      failed: await job?.getDependencies({ failed: {} }),
      ignored: await job?.getDependencies({ ignored: {} }),
      counts: await job?.getDependenciesCount(),
    };
  },
  'counts only what was asked for': async lab => {
    const { parents, children, flow } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b']));
    const job = await parents.getJob('p');
    const backend = parents.getBackend();
    return {
      some: await job?.getDependenciesCount({ unprocessed: true, failed: true }),
      raw: await backend.getDependencyCounts('p', ['unprocessed', 'processed', 'ignored', 'failed']),
    };
  },
  'of a job without children are empty': async lab => {
    const { parents } = pair(lab);
    const job = await parents.add('x', {});
    return {
      counts: await job.getDependenciesCount(),
      all: await job.getDependencies(),
      values: await job.getChildrenValues(),
    };
  },
  'of a missing job are empty': async lab => {
    const backend = pair(lab).parents.getBackend();
    return {
      values: await backend.getProcessedChildrenValues('x'),
      ignored: await backend.getIgnoredChildrenFailures('x'),
      counts: await backend.getDependencyCounts('x', ['processed', 'failed']),
    };
  },
  "children's values keep their JSON": async lab => {
    const { parents, children, flow, childWorker } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b', 'c']));
    for (const value of [{ z: 1, a: '\u0000' }, undefined, 'text'])
      await (await lab.take(childWorker)).moveToCompleted(value, 't', false);
    return parents.getBackend().getProcessedChildrenValues('p');
  },
  ...table(
    (['processed', 'pending'] as const).flatMap(type =>
      (
        [
          [0, -1],
          [0, 1],
          [1, 2],
          [3, 9],
          [9, 12],
        ] as const
      ).map(window => ({ type, window })),
    ),
    ({ type, window }) => `queue.getDependencies lists ${type} from ${window[0]} to ${window[1]}`,
    async (lab, { type, window }) => {
      const { parents, children, flow, childWorker } = pair(lab);
      await flow.add(tree(parents, children, ['a', 'b', 'c', 'd']));
      if (type === 'processed') {
        for (let n = 0; n < 4; n++) await (await lab.take(childWorker)).moveToCompleted(n, 't', false);
      }
      const page = await parents.getDependencies('p', type, window[0], window[1]);
      return {
        number: page.items.length,
        jobs: page.jobs?.length,
        total: page.total,
        keys: window[1] === -1 ? page.items.map(it => it.id).sort() : 'any',
      };
    },
  ),
  'getFlow answers the tree': async lab => {
    const { parents, children, flow, childWorker } = pair(lab);
    await flow.add(tree(parents, children, ['a', 'b']));
    await (await lab.take(childWorker)).moveToCompleted(1, 't', false);
    const node = await flow.getFlow({ id: 'p', queueName: parents.name });
    return { root: node?.job.id, children: node?.children?.map(it => it.job.id).sort() };
  },
  'getFlow stops at the depth': async lab => {
    const { parents, children, flow } = pair(lab);
    const mid = { ...tree(children, children, ['x']), name: 'mid', opts: { jobId: 'mid' } };
    await flow.add({ ...tree(parents, children, []), children: [mid] });
    const shape = async (depth: number) => {
      const node = await flow.getFlow({ id: 'p', queueName: parents.name, depth });
      return [
        node?.job.id,
        node?.children?.[0]?.job.id ?? null,
        node?.children?.[0]?.children?.[0]?.job.id ?? null,
      ];
    };
    return [await shape(1), await shape(2), await shape(3)];
  },
  'getFlow of a missing job answers nothing': async lab => {
    const { parents, flow } = pair(lab);
    return { node: String(await flow.getFlow({ id: 'x', queueName: parents.name })) };
  },
});
