import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createMaskingLogger, type Logger } from './logger.ts';
import { maskSecrets, maskText, scrubError } from './secrets.ts';

const secret = 'hunter2+/@x';

describe('maskText', () => {
  it.each([
    ['redis://:hunter2@host:6379/0', 'redis://:***@host:6379/0'],
    ['rediss://app:hunter2@host', 'rediss://app:***@host'],
    [
      'failed: postgres://app:pa/ss@wo@rd@db.example/x, retrying',
      'failed: postgres://app:***@db.example/x, retrying',
    ],
    ['https://token@host/path', 'https://***@host/path'],
    ['https://host/path?mail=a@b', 'https://host/path?mail=a@b'],
    ['a?password=hunter2&x=1', 'a?password=***&x=1'],
    ['REDIS_PASSWORD=hunter2 CONCURRENCY=5', 'REDIS_PASSWORD=*** CONCURRENCY=5'],
    ['{"apiKey": "hunter2", "x": 1}', '{"apiKey": "***", "x": 1}'],
    ['Authorization: Bearer hunter2', 'Authorization: Bearer ***'],
    ['data.password is absent', 'data.password is absent'],
  ])('%s', (text, masked) => {
    expect(maskText(text)).toBe(masked);
  });

  it('masks known secrets wherever they stand, also URL-encoded', () => {
    expect(maskText(`wrong: ${secret}, ${encodeURIComponent(secret)}`, [secret])).toBe('wrong: ***, ***');
  });
});

describe('maskSecrets', () => {
  it('masks errors with their stack, cause, inner errors and ioredis command', () => {
    const error = new AggregateError(
      [new Error(`inner redis://:${secret}@host`)],
      `outer redis://:${secret}@host`,
      { cause: new Error(`cause ${secret}`) },
    );
    Object.assign(error, {
      command: { name: 'auth', args: ['app', secret] },
      input: `redis://a:${secret}@h`,
    });
    const copy = JSON.stringify(maskSecrets({ err: error }, [secret]));
    expect(copy).not.toContain('hunter2');
    expect(copy).toContain('outer redis://:***@host');
  });

  it('masks by key, and keeps what is no secret', () => {
    expect(
      maskSecrets({ password: 'x', redisPassword: 1, accessToken: 'x', passwordSet: true, name: 'n' }),
    ).toEqual({
      password: '***',
      redisPassword: '***',
      accessToken: '***',
      passwordSet: true,
      name: 'n',
    });
  });

  it('survives circles, depth, getters that throw and odd values', () => {
    const circular: Record<string, unknown> = { big: 1n, call: () => 1, bytes: Buffer.from('abc') };
    circular.self = circular;
    const trap = {
      get bad(): string {
        throw new Error('no');
      },
    };
    expect(maskSecrets({ circular, trap })).toEqual({
      circular: { big: '1n', call: '[function]', bytes: '[3 bytes]', self: '[circular]' },
      trap: '[unreadable]',
    });
  });
});

describe('scrubError', () => {
  it('leaves no secret for a later listener to print', () => {
    const error = new Error(`WRONGPASS ${secret}`, { cause: new Error(`redis://:${secret}@h`) });
    Object.assign(error, { command: { name: 'auth', args: [secret] } });
    scrubError(error, [secret]);
    expect(inspect(error, { depth: 5 })).not.toContain('hunter2');
    expect(error.message).toBe('WRONGPASS ***');
  });

  it('takes an error that is its own cause', () => {
    const error = new Error('x');
    error.cause = error;
    scrubError(error);
    expect(error.message).toBe('x');
  });
});

describe('createMaskingLogger', () => {
  it('masks details and message, and never throws', () => {
    const lines: unknown[] = [];
    const write = (details: object, message: string) => void lines.push({ details, message });
    const broken = () => {
      throw new Error('disk full');
    };
    const inner: Logger = { debug: broken, info: write, warn: write, error: write };
    const logger = createMaskingLogger(inner, [secret]);
    logger.debug({}, 'lost');
    logger.info({ url: `redis://:${secret}@h` }, `saw ${secret}`);
    expect(lines).toEqual([{ details: { url: 'redis://:***@h' }, message: 'saw ***' }]);
  });
});
