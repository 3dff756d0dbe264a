import { once } from 'node:events';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { startRedis } from '../../test/servers/index.ts';
import { gatherWrites } from './gather.ts';

/** How many commands of this turn are held back at each step of sending `count` of them. */
function heldWhileSending(client: Redis, count: number): number[] {
  return Array.from({ length: count }, (_, n) => {
    client.echo(String(n)).catch(() => undefined);
    return client.stream.writableCorked;
  });
}

describe('gathered writes', () => {
  it('hold the commands of one turn back until it ends, at most 16, and answer each', async () => {
    await using server = await startRedis();
    const client = new Redis(server.port, '127.0.0.1');
    try {
      await once(client, 'ready');
      gatherWrites(client);
      const held = heldWhileSending(client, 20);
      expect(held).toEqual([...Array(15).fill(1), 0, ...Array(4).fill(1)]);
      await new Promise<void>(resolve => process.nextTick(resolve));
      expect(client.stream.writableCorked).toBe(0);

      const answers = await Promise.all(Array.from({ length: 1000 }, (_, n) => client.echo(`${n}`)));
      expect(answers).toEqual(Array.from({ length: 1000 }, (_, n) => `${n}`));
      expect(await client.echo('alone')).toBe('alone');
    } finally {
      client.disconnect();
    }
  });

  it('gather on the connection that follows one that broke', async () => {
    await using server = await startRedis();
    const client = new Redis(server.port, '127.0.0.1', { retryStrategy: () => 1 });
    client.on('error', () => undefined);
    try {
      await once(client, 'ready');
      gatherWrites(client);
      const first = client.stream;
      const again = once(client, 'ready');
      first.destroy();
      await again;
      expect(client.stream).not.toBe(first);
      expect(heldWhileSending(client, 3)).toEqual([1, 1, 1]);
      expect(await client.echo('after')).toBe('after');
    } finally {
      client.disconnect();
    }
  });
});
