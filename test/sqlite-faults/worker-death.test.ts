/** Faults 20, 22, 23 and 32: workers that die, sleep or block in the middle of a job. (33, SIGTERM past the grace: src/signals.test.ts.) */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../support/temp-dir.ts';
import { type Actor, startActor } from './actor.ts';
import { checkInvariants } from './invariants.ts';

const newFile = () => join(tempDir('worker-death'), 'q.db');

/** Locks and stalled checks short enough for a test; the rescuer looks often. */
const FRAGILE = { lockDuration: 400, stalledInterval: 200 };

/** A process in the middle of job `id`, and one that adds and looks. */
async function inTheMiddle(file: string, options: { lockDuration: number; stalledInterval: number }) {
  const victim = await startActor({ file });
  await victim.ask({ do: 'work', handler: 'hold', options });
  const id = await victim.ask<string>({ do: 'add' });
  await victim.event('run', id);
  return { victim, id };
}

async function expectState(actor: Actor, id: string, state: string): Promise<void> {
  expect(await actor.ask({ do: 'state', id })).toBe(state);
}

describe('a worker in the middle of a job', () => {
  it('killed: the job runs again elsewhere, once its lock and a stalled check are over', async () => {
    const file = newFile();
    const { victim, id } = await inTheMiddle(file, FRAGILE);
    await victim.script.kill();
    await using rescuer = await startActor({ file });
    await rescuer.ask({ do: 'work', handler: 'instant', options: FRAGILE });
    // attempt counts starts: the killed one was the first.
    expect(await rescuer.event('run', id)).toMatchObject({ attempt: 2 });
    await rescuer.event('completed', id);
    expect(rescuer.events('stalled').map(event => event.id)).toEqual([id]);
    await expectState(rescuer, id, 'completed');
    expect(checkInvariants(file)).toEqual([]);
  });

  it('killed, with a lock that still lives: nobody takes its job', async () => {
    const file = newFile();
    const { victim, id } = await inTheMiddle(file, { lockDuration: 3_600_000, stalledInterval: 60_000 });
    await victim.script.kill();
    await using rescuer = await startActor({ file });
    await rescuer.ask({ do: 'work', handler: 'instant', options: { stalledInterval: 10 } });
    // Another job goes through all the rescuer's turns; the locked one stays where it is.
    const other = await rescuer.ask<string>({ do: 'add', opts: { delay: 100 } });
    await rescuer.event('completed', other);
    expect(rescuer.events('run').map(event => event.id)).toEqual([other]);
    await expectState(rescuer, id, 'active');
  });

  it.each(['stopped (SIGSTOP)', 'with a blocked event loop'])(
    '%s for longer than its lock: another finishes the job, the zombie cannot',
    async how => {
      const file = newFile();
      const { victim, id } = await inTheMiddle(file, FRAGILE);
      await using zombie = victim;
      await using rescuer = await startActor({ file });
      const taken = join(dirname(file), 'taken');
      let blocked: Promise<unknown> | undefined;
      if (how.startsWith('stopped')) zombie.stopBetweenTransactions(file);
      else {
        blocked = zombie.ask({ do: 'block', until: taken });
        await zombie.event('blocked');
      }
      await rescuer.ask({ do: 'work', handler: 'hold', options: FRAGILE });
      expect(await rescuer.event('run', id)).toMatchObject({ attempt: 2 });
      if (how.startsWith('stopped')) zombie.goOn();
      writeFileSync(taken, '');
      await blocked;
      // The zombie reports the job as done while the rescuer is still at it.
      await zombie.ask({ do: 'release' });
      const refused = await zombie.event('error');
      expect(refused.message).toMatch(/lock/i);
      expect(zombie.events('completed')).toEqual([]);
      expect(zombie.events('failed')).toEqual([]);
      await expectState(rescuer, id, 'active');
      await rescuer.ask({ do: 'release' });
      await rescuer.event('completed', id);
      await expectState(rescuer, id, 'completed');
      expect(checkInvariants(file)).toEqual([]);
    },
  );

  it('that aborts its process each time: failed after maxStalledCount, without another try', async () => {
    const file = newFile();
    await using producer = await startActor({ file });
    const id = await producer.ask<string>({ do: 'add' });
    const options = { ...FRAGILE, maxStalledCount: 1 };
    for (let attempt = 1; attempt <= 2; attempt++) {
      await using victim = await startActor({ file });
      victim.ask({ do: 'work', handler: 'abort', options }).catch(() => undefined);
      expect((await victim.script.exited).signal).toBe('SIGABRT');
      expect(victim.events('run')).toMatchObject([{ id, attempt }]);
    }
    await using survivor = await startActor({ file });
    await survivor.ask({ do: 'work', handler: 'abort', options });
    expect(await survivor.event('failed', id)).toMatchObject({ reason: expect.stringContaining('stalled') });
    expect(survivor.events('run')).toEqual([]);
    await expectState(producer, id, 'failed');
    // And the queue goes on.
    expect(await producer.ask({ do: 'counts' })).toMatchObject({ active: 0, waiting: 0, failed: 1 });
    expect(checkInvariants(file)).toEqual([]);
  });
});
