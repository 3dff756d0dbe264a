import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startRedis } from '../../../test/servers/index.ts';
import { createCache, type DedupeOptions, dedupe, dedupeStream, deduplication } from '../index.ts';

/** Stopped after whatever is opened on it later was closed. */
async function redisUntilTheEnd() {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  return redis;
}

function cacheOn(redis?: string) {
  const cache = createCache(redis === undefined ? {} : { redis });
  onTestFinished(() => cache.close());
  return cache;
}

/** A model that counts its answers. */
function countingModel(options: Partial<DedupeOptions<[question: object]>> = {}) {
  const calls: object[] = [];
  const ask = dedupe(
    async (question: object) => {
      calls.push(question);
      await new Promise(resolve => setImmediate(resolve));
      return { text: `answer ${calls.length}` };
    },
    { cache: options.cache ?? cacheOn(), name: 'answers', ...options },
  );
  return { ask, calls };
}

describe('calls', () => {
  it('that are equal share one answer, at once and later; the order of properties does not count', async () => {
    const { ask, calls } = countingModel();
    const first = await Promise.all([ask({ a: 1, b: [2] }), ask({ b: [2], a: 1 }), ask({ a: 1, b: [2] })]);
    expect(first).toEqual(Array(3).fill({ text: 'answer 1' }));
    expect(await ask({ a: 1, b: [2] })).toEqual({ text: 'answer 1' });
    expect(await ask({ a: 1, b: ['2'] })).toEqual({ text: 'answer 2' });
    expect(calls).toHaveLength(2);
  });

  it('that fail fail all who wait, and are made again', async () => {
    let calls = 0;
    const ask = dedupe(
      async (_question: string) => {
        calls++;
        await new Promise(resolve => setImmediate(resolve));
        if (calls === 1) throw new Error('overloaded');
        return null;
      },
      { cache: cacheOn(), name: 'answers' },
    );
    const both = await Promise.allSettled([ask('a'), ask('a')]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect([await ask('a'), await ask('a'), calls]).toEqual([null, null, 2]);
  });

  it('keep what `key` says apart, and what it gives no key to', async () => {
    const { ask, calls } = countingModel({
      key: question => ('secret' in question ? undefined : JSON.stringify(question)),
    });
    await Promise.all([ask({ secret: 1 }), ask({ secret: 1 }), ask({ open: 1 }), ask({ open: 1 })]);
    expect(calls).toHaveLength(3);
  });

  it('whose arguments JSON would confuse are refused', async () => {
    const { ask } = countingModel();
    for (const question of [new Map([[1, 2]]), { signal: new AbortController().signal }, { fn: () => 1 }]) {
      await expect(ask(question)).rejects.toMatchObject({ code: 'SPILLWAY_CACHE_VALUE' });
    }
  });

  it('are all made while the cache is off, those at once together; streams too', async () => {
    const cache = cacheOn();
    const { ask, calls } = countingModel({ cache });
    let told = 0;
    const tell = dedupeStream(
      async function* (_question: string) {
        yield `chunk ${++told}`;
      },
      { cache, name: 'told' },
    );
    const listen = async () => (await heard(tell('a'))).join();
    await ask({ a: 1 });
    await listen();
    cache.setEnabled(false);
    expect(await Promise.all([ask({ a: 1 }), ask({ a: 1 })])).toEqual(Array(2).fill({ text: 'answer 2' }));
    await ask({ a: 1 });
    expect([calls.length, await listen(), await listen()]).toEqual([3, 'chunk 2', 'chunk 3']);
    cache.setEnabled(true);
    expect([await ask({ a: 1 }), await listen()]).toEqual([{ text: 'answer 1' }, 'chunk 1']);
  });

  it('with too large or strange answers are passed on, and not kept', async () => {
    let calls = 0;
    const cache = cacheOn();
    const large = dedupe(async () => `${++calls}`.repeat(2_000), { cache, name: 'large', maxBytes: 1_000 });
    expect([(await large())[0], (await large())[0]]).toEqual(['1', '2']);
    const strange = dedupe(async () => new Map([[++calls, 1]]), { cache, name: 'strange' });
    expect([[...(await strange()).keys()], [...(await strange()).keys()]]).toEqual([[3], [4]]);
    expect(() => dedupe(async () => 1, { cache, name: 'none', maxBytes: 0 })).toThrow('maxBytes');
  });

  it('are shared between processes by Redis, and do without it when it hangs', async () => {
    const redis = await redisUntilTheEnd();
    const [here, there] = [cacheOn(redis.url), cacheOn(redis.url)];
    const [one, two] = [countingModel({ cache: here }), countingModel({ cache: there })];
    await Promise.all([here.ready(5_000), there.ready(5_000)]);
    await one.ask({ n: 1 });
    await expect.poll(() => here.stats().redis).toBe('up');
    await expect.poll(async () => (await here.find('answers')?.countKeys())?.redis).toBe(1);
    // On a busy machine Redis may miss its deadline: then it is asked again, and the answer is another.
    await expect
      .poll(async () => [await two.ask({ n: 1 }), there.find('answers')?.stats().redisHits])
      .toEqual([{ text: 'answer 1' }, 1]);
    const before = two.calls.length;
    redis.pause();
    for (let n = 2; n < 12; n++) await two.ask({ n });
    expect(two.calls).toHaveLength(before + 10);
    redis.resume();
    for (const cache of [here, there])
      await expect.poll(() => cache.stats().redis, { timeout: 10_000 }).toBe('up');
  });

  it('of a provider chain: what it takes as `dedupe`', async () => {
    const shared = deduplication<[string], string>({ cache: cacheOn(), name: 'chain' });
    const key = shared.key('question') ?? '';
    let asked = 0;
    const ask = () => shared.share(key, async () => `answer ${++asked}`);
    expect(await Promise.all([ask(), ask()])).toEqual(['answer 1', 'answer 1']);
    expect(await ask()).toBe('answer 1');
  });
});

async function heard<C>(stream: AsyncIterable<C>): Promise<C[]> {
  const chunks: C[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** A source whose chunks the test lets out one by one. */
function source() {
  const made: { next(chunk: unknown): void; fail(): void; end(): void; left: boolean }[] = [];
  async function* open() {
    const pending: (() => unknown)[] = [];
    let wake = () => {};
    const put = (step: () => unknown) => {
      pending.push(step);
      wake();
    };
    const control = {
      left: false,
      next: (chunk: unknown) => put(() => ({ chunk })),
      fail: () =>
        put(() => {
          throw new Error('cut');
        }),
      end: () => put(() => undefined),
    };
    made.push(control);
    try {
      for (;;) {
        const step = pending.shift();
        if (step === undefined) {
          await new Promise<void>(resolve => {
            wake = resolve;
          });
          continue;
        }
        const found = step() as { chunk: unknown } | undefined;
        if (found === undefined) return;
        yield found.chunk;
      }
    } finally {
      control.left = true;
    }
  }
  return { made, open };
}

function stream(options: Partial<DedupeOptions<[string]>> = {}) {
  const { made, open } = source();
  const ask = dedupeStream((_question: string) => open(), { cache: cacheOn(), name: 'streams', ...options });
  return { made, ask };
}

const opened = (made: readonly unknown[], count: number) =>
  expect.poll(() => made.length, { interval: 1 }).toBe(count);

describe('streams', () => {
  it('are heard by all who ask meanwhile, from the beginning, and kept when complete', async () => {
    const { made, ask } = stream();
    const first = ask('a');
    const hearing = first.next();
    await opened(made, 1);
    made[0]?.next('one');
    expect(await hearing).toEqual({ value: 'one', done: false });
    const second = heard(ask('a'));
    const rest = heard(first);
    made[0]?.next('two');
    made[0]?.end();
    expect([await rest, await second]).toEqual([['two'], ['one', 'two']]);
    expect([await heard(ask('a')), made.length]).toEqual([['one', 'two'], 1]);
  });

  it('that are cut fail all who hear them, and are never kept', async () => {
    const { made, ask } = stream();
    const both = [heard(ask('a')), heard(ask('a'))];
    const settled = Promise.allSettled(both);
    await opened(made, 1);
    made[0]?.next('one');
    made[0]?.fail();
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const again = heard(ask('a'));
    await opened(made, 2);
    made[1]?.end();
    expect(await again).toEqual([]);
  });

  it('go on when the first to ask leaves, and stop when all have left; then nothing is kept', async () => {
    const { made, ask } = stream();
    const [one, two] = [ask('a'), ask('a')];
    const hearing = [one.next(), two.next()];
    await opened(made, 1);
    made[0]?.next(1);
    await Promise.all(hearing);
    await one.return();
    expect(made[0]?.left).toBe(false);
    const next = two.next();
    made[0]?.next(2);
    expect((await next).value).toBe(2);
    await two.return();
    expect(made[0]?.left).toBe(true);
    const again = heard(ask('a'));
    await opened(made, 2);
    made[1]?.next(9);
    made[1]?.end();
    expect(await again).toEqual([9]);
  });

  it('above maxBytes are passed on whole and not kept; who asks then hears another', async () => {
    const { made, ask } = stream({ maxBytes: 1_000 });
    const [one, two] = [heard(ask('a')), heard(ask('a'))];
    await opened(made, 1);
    for (let n = 0; n < 10; n++) made[0]?.next(`${n}`.repeat(200));
    made[0]?.end();
    expect([(await one).length, (await two).length]).toEqual([10, 10]);
    const again = heard(ask('a'));
    await opened(made, 2);
    made[1]?.end();
    await again;
  });

  it('above maxBytes go at the pace of the slowest, so that nothing piles up', async () => {
    const { made, ask } = stream({ maxBytes: 100 });
    const [fast, slow] = [ask('a'), ask('a')];
    const first = [fast.next(), slow.next()];
    await opened(made, 1);
    for (const chunk of ['x'.repeat(200), 'two', 'three']) made[0]?.next(chunk);
    await Promise.all(first);
    await fast.next();
    let third: unknown;
    const waiting = fast.next().then(({ value }) => {
      third = value;
    });
    for (let turn = 0; turn < 50; turn++) await new Promise(resolve => setImmediate(resolve));
    expect(third).toBeUndefined();
    expect((await slow.next()).value).toBe('two');
    await waiting;
    expect(third).toBe('three');
    await Promise.all([fast.return(), slow.return()]);
  });

  it('of bytes over real HTTP come back as bytes; a connection that is cut is not kept', async () => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests++;
      response.write('hello ');
      setImmediate(() => (requests === 1 ? response.destroy() : response.end('world')));
    }).listen(0, '127.0.0.1');
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    await new Promise(resolve => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const ask = dedupeStream(
      async (path: string) =>
        (await fetch(`http://127.0.0.1:${port}${path}`)).body as ReadableStream<Uint8Array>,
      { cache: cacheOn(), name: 'http' },
    );
    await expect(heard(ask('/'))).rejects.toThrow();
    for (const _ of ['live', 'kept']) {
      const bytes = await heard(ask('/'));
      expect(bytes.every(chunk => chunk instanceof Uint8Array)).toBe(true);
      expect(Buffer.concat(bytes).toString()).toBe('hello world');
    }
    expect(requests).toBe(2);
  });
});
