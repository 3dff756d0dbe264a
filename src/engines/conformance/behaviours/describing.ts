import { family, table } from '../engine.ts';

/** Meta data, names and keys. */
export const meta = family('meta', {
  'a new queue writes its version and event limit': async lab => {
    const queue = lab.queue();
    const version = await queue.getVersion();
    const all = await queue.getBackend().getQueueMeta();
    return {
      version: version?.startsWith('bullmq:'),
      keys: Object.keys(all).sort(),
      limit: all['opts.maxLenEvents'],
    };
  },
  'a queue told to skip it writes nothing': async lab => {
    const queue = lab.queue({ skipMetasUpdate: true });
    await queue.waitUntilReady();
    return { meta: await queue.getBackend().getQueueMeta(), paused: await queue.isPaused() };
  },
  'setQueueMeta answers how many fields are new': async lab => {
    const backend = lab.queue({ skipMetasUpdate: true }).getBackend();
    return [
      await backend.setQueueMeta({ a: 1, b: 'two' }),
      await backend.setQueueMeta({ a: 3, c: 4 }),
      await backend.setQueueMeta({ a: 3 }),
      await backend.getQueueMeta(),
    ];
  },
  'fields are read as text, in the order asked': async lab => {
    const backend = lab.queue({ skipMetasUpdate: true }).getBackend();
    await backend.setQueueMeta({ a: 1, b: 'two', c: 1.5 });
    return {
      one: await backend.getQueueMetaField('a'),
      none: String(await backend.getQueueMetaField('x')),
      some: await backend.getQueueMetaFields(['c', 'x', 'a']),
      has: [await backend.hasQueueMetaField('a'), await backend.hasQueueMetaField('x')],
    };
  },
  'removeQueueMetaFields answers how many were there': async lab => {
    const backend = lab.queue({ skipMetasUpdate: true }).getBackend();
    await backend.setQueueMeta({ a: 1, b: 2 });
    return [
      await backend.removeQueueMetaFields(['a', 'x']),
      await backend.removeQueueMetaFields(['a']),
      await backend.getQueueMeta(),
    ];
  },
  'getMeta parses what it knows': async lab => {
    const queue = lab.queue({ skipMetasUpdate: true });
    await queue.setGlobalConcurrency(3);
    await queue.setGlobalRateLimit(5, 1_000);
    await queue.pause();
    return queue.getMeta();
  },
  'removeDeprecatedPriorityKey answers 0': async lab => ({
    removed: await lab.queue().removeDeprecatedPriorityKey(),
  }),
});

const suffixes = ['', ':w:alice', ':qe'];

/** The identity of a queue. */
export const identity = family('identity', {
  'qualifiedName is prefix and name': async lab => {
    const queue = lab.queue({ prefix: 'mine' });
    const backend = queue.getBackend();
    return {
      ends: queue.qualifiedName === `mine:${queue.name}`,
      same: backend.qualifiedName === queue.qualifiedName,
    };
  },
  'the default prefix is bull': async lab => {
    const queue = lab.queue();
    return lab.engine.prefix === undefined
      ? { prefix: queue.qualifiedName === `bull:${queue.name}` }
      : { prefix: true };
  },
  'toKey builds on it': async lab => {
    const queue = lab.queue();
    return [queue.toKey('wait'), queue.toKey(''), queue.toKey('7:dependencies')];
  },
  'keys names every part': async lab =>
    Object.entries(lab.queue().keys).map(([name, key]) => [name, String(key)]),
  ...table(
    ['bull:q:1', 'bull:q:abc', 'a:b:q:1', 'q:1', 'bull:q:with space'],
    key => `parseNodeKey of ${key}`,
    async (lab, key) => lab.queue().getBackend().parseNodeKey(key),
  ),
  'forQueue is the same engine for another queue': async lab => {
    const queue = lab.queue({}, 'one');
    const other = lab.queue({}, 'two');
    const sibling = queue.getBackend().forQueue(other.name);
    await other.add('a', {}, { jobId: 'a' });
    const seen = { name: sibling.qualifiedName, state: await sibling.getState('a') };
    await sibling.close();
    return { ...seen, stillOpen: await queue.getBackend().getState('x') };
  },
  'forQueue takes a prefix': async lab => {
    const queue = lab.queue({ prefix: 'one' });
    return queue.getBackend().forQueue(queue.name, 'two').qualifiedName.startsWith('two:');
  },
  'two prefixes are two queues': async lab => {
    const [one, two] = [lab.queue({ prefix: 'one' }), lab.queue({ prefix: 'two' })];
    await one.add('a', {});
    return [await lab.where(one), await lab.where(two), (await two.add('b', {})).id];
  },
  ...table(
    suffixes,
    suffix => `clientName with suffix "${suffix}"`,
    async (lab, suffix) => {
      const queue = lab.queue();
      const name = queue.getBackend().clientName(suffix);
      return {
        stable: name === queue.getBackend().clientName(suffix),
        ends: name.endsWith(suffix),
        text: typeof name,
      };
    },
  ),
});

/** Who is connected. */
export const clients = family('clients', {
  'closing is set once closing began': async lab => {
    const queue = lab.queue();
    const backend = queue.getBackend();
    await backend.waitUntilReady();
    const before = backend.closing === undefined;
    await queue.close();
    return { before, after: backend.closing !== undefined };
  },
  'closing twice is fine': async lab => {
    const queue = lab.queue();
    await queue.add('a', {});
    await queue.close();
    return { second: String(await queue.close()) };
  },
  'another client sees what a closed one wrote': async lab => {
    const queue = lab.queue();
    await queue.add('a', { n: 1 }, { jobId: 'a' });
    await queue.close();
    return lab.stored(lab.queue(), 'a');
  },
  'setName is accepted': async lab => ({ answer: String(await lab.queue().getBackend().setName('me')) }),
  'getWorkers lists the workers of this queue only': async lab => {
    const queue = lab.queue();
    const workers = [lab.worker(), lab.worker(null, { name: 'alice' }), lab.worker(null, {}, 'other')];
    await Promise.all(workers.map(worker => worker.waitUntilReady()));
    const found = await lab.until(async () => {
      const list = await queue.getWorkers();
      return list.length >= 2 ? list : undefined;
    }, 'two workers');
    return {
      names: found.map(it => it.name),
      raw: found.map(it => it.rawname?.split(':').slice(2).join(':')).sort(),
    };
  },
  'getWorkersCount follows a worker that closes': async lab => {
    const queue = lab.queue();
    const worker = lab.worker();
    await worker.waitUntilReady();
    await lab.until(async () => (await queue.getWorkersCount()) === 1, 'one worker');
    await worker.close();
    await lab.until(async () => (await queue.getWorkersCount()) === 0, 'no worker');
    return { gone: true };
  },
  'getQueueEvents lists the listeners of this queue': async lab => {
    const queue = lab.queue();
    await lab.events();
    await lab.events({}, 'other');
    const found = await lab.until(async () => {
      const list = await queue.getQueueEvents();
      return list.length > 0 ? list : undefined;
    }, 'the listener');
    return found.map(it => [it.name, it.rawname?.endsWith(':qe')]);
  },
  'the client list is a list of texts': async lab => {
    const list = await lab.queue().getBackend().getClientList();
    return { list: Array.isArray(list), texts: list.every(it => typeof it === 'string') };
  },
});
