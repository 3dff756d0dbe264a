import { describe, expect, it } from 'vitest';
import { configDefaults } from '../config/index.ts';
import { consumerOptions, describeRedisTarget, producerOptions } from './index.ts';

describe('connection options', () => {
  it('bounds producers, lets the given options win, and doubles the pause up to 2 s', () => {
    const options = producerOptions({ host: 'h', commandTimeout: 700 }, { maxRetries: 2, retryDelayMs: 100 });
    expect(options).toMatchObject({ host: 'h', commandTimeout: 700, maxRetriesPerRequest: 2 });
    expect([1, 2, 3, 50].map(times => options.retryStrategy?.(times))).toEqual([100, 200, 400, 2000]);
  });

  it('never limits a consumer: its blocking calls last as long as there is no work', () => {
    const options = consumerOptions(
      { commandTimeout: 700, maxRetriesPerRequest: 3 },
      configDefaults.redisTuning,
    );
    expect(options.maxRetriesPerRequest).toBeNull();
    expect(options.commandTimeout).toBeUndefined();
  });

  it('describes where a connection goes without its credentials', () => {
    expect(describeRedisTarget({ host: '::1', port: 1, username: 'u', password: 'secret', tls: {} })).toBe(
      '[::1]:1/0 with TLS',
    );
  });
});
