/** `close()` of a QueueEvents in each state; that nothing is left sees the leak guard. */
import { describe, expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { Rig, until } from './rig.ts';

const killed = async (rig: Rig) => {
  await rig.redis.kill();
  await rig.reaches('standby');
};
const drains = async (rig: Rig, queue: ReturnType<Rig['queue']>) => {
  await killed(rig);
  await queue.addBulk(Array.from({ length: 1500 }, (_, n) => ({ name: `kept-${n}`, data: {} })));
  await rig.redis.restart();
  await until(() => rig.engine.status().returned > 0, 'the drain to begin');
};

describe.concurrent.each<[string, (rig: Rig, queue: ReturnType<Rig['queue']>) => unknown]>([
  ['on the primary', () => {}],
  [
    'in doubt',
    async (rig, queue) => {
      rig.redis.pause();
      await queue.add('unknown', {});
    },
  ],
  ['on the standby, Redis dead', killed],
  [
    'on the standby, Redis hung',
    async rig => {
      rig.redis.pause();
      await rig.reaches('standby');
    },
  ],
  ['in the middle of a drain', drains],
  [
    'in the middle of a drain, Redis hung',
    async (rig, queue) => {
      await drains(rig, queue);
      rig.redis.pause();
    },
  ],
])('a QueueEvents, %s', (_, reach) => {
  it('ends by itself, and nothing of it is left', async () => {
    await using rig = await Rig.start({ drainPerSecond: 1000 }, DURABLE);
    const queue = rig.queue();
    const [waits, other] = [await rig.events(), await rig.events()];
    await reach(rig, queue);
    await waits.close();
    // Another one goes on, and ends as well.
    const heard = new Promise<void>(resolve => other.once('added', () => resolve()));
    await queue.add('after', {});
    rig.redis.resume();
    await heard;
    await other.close();
    expect(rig.errors).toEqual([]);
  });
});
