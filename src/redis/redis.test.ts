import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../test/support/random.ts';
import { configDefaults } from '../config/index.ts';
import { consumerOptions, describeRedisTarget, producerOptions, retryStrategy } from './index.ts';

describe('connection options', () => {
  it('bounds producers, lets the given options win, and doubles the pause up to 2 s', () => {
    const tuning = { maxRetries: 2, retryDelayMs: 100 };
    const options = producerOptions({ host: 'h', commandTimeout: 700 }, tuning, () => 0);
    expect(options).toMatchObject({ host: 'h', commandTimeout: 700, maxRetriesPerRequest: 2 });
    expect([1, 2, 3, 50].map(times => options.retryStrategy?.(times))).toEqual([100, 200, 400, 2000]);
  });

  it('spreads the attempts of many processes over the second half of the pause', () => {
    const { next } = seededRandom(7);
    const pauses = Array.from({ length: 200 }, () =>
      retryStrategy({ maxRetries: 0, retryDelayMs: 1000 }, next)(1),
    );
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(500);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1000);
    expect(new Set(pauses).size).toBeGreaterThan(100);
  });

  it('never limits a consumer: its blocking calls last as long as there is no work', () => {
    const options = consumerOptions(
      { commandTimeout: 700, maxRetriesPerRequest: 3 },
      configDefaults.redisTuning,
      () => 0,
    );
    expect(options.maxRetriesPerRequest).toBeNull();
    expect(options.commandTimeout).toBeUndefined();
  });

  it('describes where a connection goes without its credentials', () => {
    expect(describeRedisTarget({ host: '::1', port: 1, username: 'u', password: 'secret', tls: {} })).toBe(
      '[::1]:1/0 with TLS',
    );
    const nodes = [
      { host: 'one', port: 7000 },
      { host: '::1', port: 6379 },
    ];
    expect(describeRedisTarget({ cluster: nodes, password: 'secret' })).toBe('cluster one:7000, [::1]:6379');
    expect(
      describeRedisTarget({ sentinels: [{ host: 'one' }], name: 'main', sentinelPassword: 'secret' }),
    ).toBe('Sentinel group "main" (one:26379)');
    expect(describeRedisTarget({ path: '/run/redis.sock' })).toBe('socket /run/redis.sock');
  });
});
