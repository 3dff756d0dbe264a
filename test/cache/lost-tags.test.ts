import { expect, it } from 'vitest';
import { cacheOf, countingLoader, redisClient, redisServer, until } from './rig.ts';

// As Redis does it by itself where it evicts what was last used least often, or anything at all.
it.each(['never knew it', 'knew it before', 'started since'] as const)(
  'a tag that Redis lost right after its invalidation stays invalidated, by a process that %s',
  async which => {
    const redis = await redisServer();
    const admin = redisClient(redis.url);
    const loader = countingLoader((_key: string) => 'old');
    const settings = { ttl: '1h', tags: () => ['t'], load: loader.load } as const;
    const open = async () => {
      const cache = cacheOf({ redis: redis.url });
      const marks = countingLoader((_key: string) => 0);
      const of = {
        values: cache.namespace('values', settings),
        mark: cache.namespace('mark', { ttl: '1h', load: marks.load }),
        marks,
      };
      await until('it is ready', () => cache.ready());
      await of.mark.get('m');
      return of;
    };
    const here = await open();
    const early = which === 'started since' ? undefined : await open();
    await here.values.get('x');
    await until('it is in Redis', async () => (await here.values.countKeys()).redis === 1);
    if (which === 'knew it before') expect(await early?.values.get('x')).toBe('old');

    loader.answer = () => 'new';
    await here.values.invalidateTag('t');
    const tag = 'spillway:values:1:t:=t';
    expect(await admin.del(tag)).toBe(1);
    // What is told of changes is told in their order.
    await until('the mark is in Redis', async () => (await admin.exists('spillway:mark:1:k:=m')) === 1);
    const asked = early?.marks.calls;
    await admin.del('spillway:mark:1:k:=m');
    await until('it has heard', async () => {
      await early?.mark.get('m');
      return early?.marks.calls !== asked || early === undefined;
    });

    const there = early ?? (await open());
    expect(await there.values.get('y')).toBe('new');
    await until('Redis has the tag again', async () => (await admin.exists(tag)) === 1);
    expect(await there.values.get('x')).toBe('new');
    const fresh = await open();
    expect(await fresh.values.get('x')).toBe('new');
  },
);
