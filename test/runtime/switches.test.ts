import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSpillway, type SwitchChange, type SwitchName, type SwitchValue } from '../../src/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { collectLog } from './collect-log.ts';
import { eventually, type Homes, open, reaches, startHomes } from './failover-runtime.ts';
import { refused } from './on-engines.ts';

const change = { by: 'ada', reason: 'Redis is to be moved' };

/** How many connections a Redis has ever taken, this look included. */
async function connectionsOf(homes: Homes): Promise<number> {
  const redis = new Redis(homes.redis.url, { retryStrategy: () => null });
  try {
    return Number(/total_connections_received:(\d+)/.exec(await redis.info('stats'))?.[1]);
  } finally {
    redis.disconnect();
  }
}

describe('the switch of Redis', () => {
  it('off: jobs go to the file though Redis is there, and are worked off; on: they go back', async () => {
    const homes = await startHomes();
    const { spillway, lines } = open(homes);
    const queue = spillway.queue('jobs');
    await reaches(spillway, 'primary');
    expect(await spillway.switches.list()).toEqual([
      { name: 'redis', value: 'on', effective: true },
      { name: 'cache', value: 'on', effective: true },
    ]);

    const state = await spillway.switches.set('redis', 'off', change);
    expect(state).toEqual({
      name: 'redis',
      value: 'off',
      effective: true,
      ...change,
      setAt: expect.any(Number),
    });
    expect(await spillway.switches.get('redis')).toEqual(state);
    await reaches(spillway, 'standby');
    expect(spillway.failover?.status().reason).toBe('switched off: ada: Redis is to be moved');
    await queue.add('x', 'kept', { delay: 3_600_000 });
    const redis = new Redis(homes.redis.url);
    onTestFinished(() => redis.disconnect());
    expect(await redis.keys('bull:jobs:*:*')).toEqual([]);
    expect(await redis.zcard('bull:jobs:delayed')).toBe(0);

    await spillway.switches.set('redis', 'on', { by: 'ada', reason: 'moved' });
    await reaches(spillway, 'primary');
    expect(await redis.zcard('bull:jobs:delayed')).toBe(1);
    expect(lines.filter(({ details }) => 'switch' in details).map(({ message }) => message)).toEqual([
      'Switch redis set to off by ada: Redis is to be moved',
      'Switch redis set to on by ada: moved',
    ]);
  });

  it('reaches the other processes of the machine, also with Redis dead', async () => {
    const homes = await startHomes();
    const { spillway } = open(homes);
    spillway.queue('jobs');
    await reaches(spillway, 'primary');
    const options = { redis: homes.redis.url, sqlite: { file: homes.file } };
    const program = fileURLToPath(new URL('./state-process.ts', import.meta.url));
    const child = fork(program, [JSON.stringify(options)]);
    onTestFinished(async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    });
    const told: { state: string; reason?: string }[] = [];
    child.on('message', message => told.push(message as (typeof told)[number]));
    await eventually(() => expect(told.at(-1)?.state).toBe('primary'));

    await spillway.switches.set('redis', 'off', change);
    await eventually(() =>
      expect(told.at(-1)).toMatchObject({ state: 'standby', reason: /Redis is to be moved/ }),
    );
    await homes.redis.kill();
    await spillway.switches.set('redis', 'on', change);
    await homes.redis.restart();
    await eventually(() => expect(told.at(-1)?.state).toBe('primary'));
  });

  it('survives a restart: then nothing at all is sent to Redis', async () => {
    const homes = await startHomes();
    const first = open(homes).spillway;
    await first.switches.set('redis', 'off', change);
    await first.close();
    const before = await connectionsOf(homes);

    const { spillway } = open(homes);
    const done: unknown[] = [];
    spillway.worker('jobs', async job => void done.push(job.data));
    // At once, before anything could be known.
    await spillway.queue('jobs').add('x', 1);
    await spillway.queueEvents('jobs').waitUntilReady();
    await eventually(() => expect(done).toEqual([1]));
    expect(await spillway.switches.get('redis')).toMatchObject({ value: 'off', ...change });
    expect(spillway.failover?.status().state).toBe('standby');
    expect(await connectionsOf(homes)).toBe(before + 1);
  });

  it('goes back by itself when its time is over', async () => {
    const homes = await startHomes();
    const { spillway } = open(homes);
    spillway.queue('jobs');
    const state = await spillway.switches.set('redis', 'off', { ...change, expiresIn: '2s' });
    expect(state.expiresAt).toBeGreaterThan(state.setAt ?? Number.NaN);
    await reaches(spillway, 'standby');
    await reaches(spillway, 'primary');
    expect(await spillway.switches.get('redis')).toEqual({ name: 'redis', value: 'on', effective: true });
  });
});

describe('on the engine sqlite', () => {
  it('is kept for a failover engine on the file, and says that there is nothing to switch', async () => {
    const homes = await startHomes();
    const log = collectLog();
    const spillway = createSpillway({
      sqlite: { file: homes.file },
      environment: {},
      handleSignals: false,
      logger: log.logger,
    });
    const state = await spillway.switches.set('redis', 'off', change);
    expect(state).toMatchObject({ value: 'off', effective: false });
    expect(log.lines.at(-1)?.message).toContain('the engine sqlite has nothing to switch');
    expect(spillway.failover).toBeUndefined();
    await spillway.close();
    await refused('SPILLWAY_CLOSED', () => spillway.switches.get('redis'));

    const next = open(homes).spillway;
    next.queue('jobs');
    await reaches(next, 'standby');
  });
});

describe('bad input', () => {
  const spillwayOn = (engine: 'redis' | 'sqlite') => {
    const file = join(tempDir('switches'), 'jobs.db');
    const spillway = createSpillway({
      ...{ engine, sqlite: { file }, environment: {} },
      ...{ handleSignals: false, logger: false as const },
    });
    onTestFinished(() => spillway.close());
    return spillway;
  };

  it('an engine that has no file cannot keep a switch', async () => {
    const spillway = spillwayOn('redis');
    const message = await refused('SPILLWAY_SWITCH_NOT_KEPT', () =>
      spillway.switches.set('redis', 'off', change),
    );
    expect(message).toContain('the engine redis has no file');
    expect(await spillway.switches.list()).toEqual([
      { name: 'redis', value: 'on', effective: false },
      { name: 'cache', value: 'on', effective: false },
    ]);
  });

  it.each(['queue', '', '__proto__', undefined])('the name %j is unknown', async name => {
    const spillway = spillwayOn('sqlite');
    const message = await refused('SPILLWAY_UNKNOWN_SWITCH', () =>
      spillway.switches.set(name as SwitchName, 'off', change),
    );
    expect(message).toContain('there are: redis');
    await refused('SPILLWAY_UNKNOWN_SWITCH', () => spillway.switches.get(name as SwitchName));
  });

  it.each<[unknown, unknown, string]>([
    ['OFF', change, 'Option value'],
    ['off', undefined, 'Option by'],
    ['off', { reason: 'x' }, 'Option by'],
    ['off', { by: 'a\nb', reason: 'x' }, 'Option by'],
    ['off', { by: 'ada', reason: ' ' }, 'Option reason'],
    ['off', { by: 'ada', reason: 'x'.repeat(501) }, 'Option reason'],
    ['off', { ...change, expiresIn: 0 }, 'Option expiresIn'],
    ['off', { ...change, expiresIn: 'soon' }, 'Option expiresIn'],
    ['off', { ...change, expiresIn: '366d' }, 'Option expiresIn'],
  ])('%j with %j is refused, and nothing is set', async (value, given, message) => {
    const spillway = spillwayOn('sqlite');
    const said = await refused('SPILLWAY_INVALID_OPTION', () =>
      spillway.switches.set('redis', value as SwitchValue, given as SwitchChange),
    );
    expect(said).toContain(message);
    expect(await spillway.switches.get('redis')).toMatchObject({ value: 'on' });
  });
});
