import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { createSpillway, type SpillwayOptions } from '../../src/index.ts';
import { freePort, startRedis } from '../servers/index.ts';
import { collectLog } from './collect-log.ts';

const start = (options: SpillwayOptions) => {
  const log = collectLog();
  const quiet = { logger: log.logger, handleSignals: false, environment: {} };
  const spillway = createSpillway({ engine: 'redis', ...quiet, ...options });
  return { spillway, lines: log.lines };
};

const rejection = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => {
      throw new Error('it did not reject');
    },
    error => error as Error,
  );

describe('on the plain engine, a Redis that does not answer', () => {
  it('that was never there: add fails instead of hanging, and works once it is up', async () => {
    const port = await freePort();
    const { spillway } = start({
      redis: `redis://127.0.0.1:${port}`,
      environment: { REDIS_MAX_RETRIES: '1', REDIS_RETRY_DELAY: '10' },
    });
    const queue = spillway.queue('outage');
    expect((await rejection(queue.add('x', {}))).message).toMatch(/retries per request/);
    await rejection(spillway.flow().add({ name: 'x', queueName: 'outage' }));

    const redis = await startRedis({ port });
    try {
      const client = await queue.getBackend().client;
      // Not `once` of node:events, which takes the connection errors until then for the answer.
      if (client.status !== 'ready') await new Promise(resolve => client.once('ready', resolve));
      expect((await queue.add('x', {})).id).toBeTypeOf('string');
    } finally {
      await spillway.close();
      await redis.stop();
    }
  });

  it('that has no such database: nothing is done in another', async () => {
    const redis = await startRedis();
    const { spillway } = start({
      redis: `redis://127.0.0.1:${redis.port}/99`,
      environment: { REDIS_MAX_RETRIES: '1', REDIS_RETRY_DELAY: '10' },
    });
    const client = new Redis(redis.url, { replyMapping: 'legacy' });
    try {
      const error = await rejection(spillway.queue('nowhere').add('x', {}));
      expect(error.message).toMatch(/retries per request|DB index/);
      expect(await client.keys('*')).toEqual([]);
    } finally {
      client.disconnect();
      await spillway.close();
      await redis.stop();
    }
  });

  it('that hangs: a call ends at its deadline, and close ends too', async () => {
    const redis = await startRedis();
    const { spillway } = start({ redis: { port: redis.port, commandTimeout: 200 }, shutdownTimeoutMs: 0 });
    const queue = spillway.queue('hang');
    await queue.add('x', {});
    await spillway.worker('hang', null).waitUntilReady();
    redis.pause();
    try {
      expect((await rejection(queue.add('x', {}))).message).toMatch(/timed out/i);
      await spillway.close();
    } finally {
      await redis.stop();
    }
  });
});

describe('on the plain engine, a password', () => {
  it.each([
    ['for the default user', ['--requirepass', 'right-one'], 'redis://:hunter2@127.0.0.1'],
    [
      'for an ACL user',
      ['--user', 'app', 'on', '>right-one', '~*', '&*', '+@all'],
      'redis://app:hunter2@127.0.0.1',
    ],
  ])('that is wrong, %s, never appears in an error or a log line', async (_, settings, url) => {
    const redis = await startRedis({ args: settings });
    const { spillway, lines } = start({ redis: `${url}:${redis.port}`, shutdownTimeoutMs: 0 });
    const seen: unknown[] = [];
    try {
      const queue = spillway.queue('secret');
      const worker = spillway.worker('secret', async () => {});
      const refusedOnce = new Promise<void>(resolve => {
        worker.on('error', error => {
          seen.push(error);
          resolve();
        });
      });
      queue.on('error', error => void seen.push(error));
      seen.push(await rejection(queue.add('x', {})));
      await refusedOnce;
      await spillway.close();
    } finally {
      await redis.stop();
    }
    expect(lines.some(line => line.level === 'error')).toBe(true);
    const everything = inspect([seen, lines], { depth: 10, showHidden: true });
    expect(everything).toMatch(/WRONGPASS|NOAUTH/);
    expect(everything).not.toContain('hunter2');
  });

  it('that is right, of an ACL user, works', async () => {
    const redis = await startRedis({
      args: [...['--user', 'app', 'on', '>right-one', '~*', '&*', '+@all'], ...['--user', 'default', 'off']],
    });
    const { spillway, lines } = start({
      environment: { REDIS_URL: `redis://app:right-one@127.0.0.1:${redis.port}/0` },
    });
    try {
      expect((await spillway.queue('acl').add('x', {})).id).toBe('1');
      expect(inspect(lines, { depth: 10 })).not.toContain('right-one');
    } finally {
      await spillway.close();
      await redis.stop();
    }
  });
});
