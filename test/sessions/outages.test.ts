import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DURABLE, startRedis } from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { type App, Browser, countsOf, startApp } from './browser.ts';

const WAIT = { timeout: 15_000, interval: 50 };

/** Redis has what this machine knows, so the other may be asked. */
const isTold = (app: App) => expect.poll(async () => (await countsOf(app)).unconfirmed, WAIT).toBe(0);

type Framework = 'fastify' | 'express';

/** Settings of an application; those of one machine share a file. */
const machineOf = (framework: Framework, redis?: string) => ({
  framework,
  file: join(tempDir('sessions'), 'sessions.db'),
  maxAge: 600_000,
  ...(redis && { redis }),
});

// What Redis does is the same to both: one fault is enough to see that the other framework goes on, too.
describe.each([
  ['fastify', ['killed', 'hung', 'restarted empty']],
  ['express', ['hung']],
] as const)('sessions of %s', (framework, faults) => {
  const machine = (redis?: string) => machineOf(framework, redis);

  it('are kept in the file alone, for all processes of the machine, and over a kill -9', async () => {
    const settings = machine();
    const [one, two] = await Promise.all([startApp(settings), startApp(settings)]);
    await using first = one;
    await using second = two;
    const ada = new Browser();
    await ada.login(first, 'ada');
    expect(await ada.user(second)).toBe('ada');
    expect(await ada.visit(second)).toBe(1);
    await first.process.kill();
    await second.process.kill();
    await using again = await startApp(settings);
    expect([await ada.user(again), await ada.visit(again)]).toEqual(['ada', 2]);
    await ada.logout(again);
    expect(await ada.user(again)).toBe(null);
  });

  it.each(faults)(
    'go on when Redis is %s between the login and the next request, and are given back to it',
    async fault => {
      await using redis = await startRedis();
      const settings = machine(redis.url);
      const apps = [startApp(settings), startApp(settings), startApp(machine(redis.url))] as const;
      const [one, two, three] = await Promise.all(apps);
      await using here = one;
      await using process2 = two;
      await using there = three;
      const [ada, eve] = [new Browser(), new Browser()];
      await ada.login(here, 'ada');
      await isTold(here);
      if (fault === 'killed') await redis.kill();
      else if (fault === 'hung') redis.pause();
      else await redis.restart();

      for (const app of [here, process2]) expect(await ada.user(app)).toBe('ada');
      await eve.login(process2, 'eve');
      expect(await eve.user(here)).toBe('eve');

      if (fault === 'killed') await redis.restart();
      else if (fault === 'hung') redis.resume();
      for (const [who, name] of [
        [ada, 'ada'],
        [eve, 'eve'],
      ] as const)
        await expect.poll(() => Browser.with(who.cookie).user(there), WAIT).toBe(name);
    },
    30_000,
  );

  it('this machine has never seen are not ended by an outage: refused until Redis is back', async () => {
    await using redis = await startRedis();
    const [one, two] = await Promise.all([startApp(machine(redis.url)), startApp(machine(redis.url))]);
    await using here = one;
    await using there = two;
    const ada = new Browser();
    await ada.login(here, 'ada');
    await isTold(here);
    redis.pause();
    const refused = { status: 503, retryAfter: '2', cookies: 0 };
    // The first of them wait for Redis, the others do not ask any more.
    for (let n = 0; n < 5; n++) expect(await ada.status(there)).toEqual(refused);
    expect((await new Browser().status(there)).status).toBe(200);
    redis.resume();
    await expect.poll(() => ada.status(there).then(({ status }) => status), WAIT).toBe(200);
    expect(await ada.user(there)).toBe('ada');
  });

  it('that ended during an outage do not come back with Redis, nor when the process that ended them has died', async () => {
    // On disk, so that Redis comes back with the session in it.
    await using redis = await startRedis({ args: DURABLE });
    const settings = machine(redis.url);
    const [one, two] = await Promise.all([startApp(settings), startApp(machine(redis.url))]);
    await using here = one;
    await using there = two;
    const ada = new Browser();
    await ada.login(here, 'ada');
    await isTold(here);
    await expect.poll(() => ada.user(there), WAIT).toBe('ada');
    await redis.kill();
    await ada.logout(here);
    expect(await ada.user(here)).toBe(null);
    await here.process.kill();
    await redis.restart();

    await using again = await startApp(settings);
    expect(await ada.user(again)).toBe(null);
    await isTold(again);
    await expect.poll(() => ada.user(there), WAIT).toBe(null);
    expect(await countsOf(again)).toMatchObject({ destroyed: expect.any(Number), sessions: 0 });
  });
});

describe('sessions', () => {
  const machine = (redis: string) => machineOf('fastify', redis);

  it('are known to another machine through Redis, and end there with a logout', async () => {
    await using redis = await startRedis();
    const [one, two] = await Promise.all([startApp(machine(redis.url)), startApp(machine(redis.url))]);
    await using here = one;
    await using there = two;
    const ada = new Browser();
    await ada.login(here, 'ada');
    await expect.poll(() => ada.user(there), WAIT).toBe('ada');
    expect(await ada.visit(there)).toBe(1);
    await expect.poll(() => ada.visits(here), WAIT).toBe(1);
    expect(await ada.visit(here)).toBe(2);
    await expect.poll(() => ada.visits(there), WAIT).toBe(2);
    await ada.logout(there);
    await isTold(there);
    await expect.poll(() => ada.user(here), WAIT).toBe(null);
  });

  it('start without the Redis they were told of', async () => {
    await using here = await startApp(machine('redis://127.0.0.1:1'));
    const ada = new Browser();
    await ada.login(here, 'ada');
    expect(await ada.user(here)).toBe('ada');
  });
});
