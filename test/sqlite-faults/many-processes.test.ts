/** Several processes on one file, without faults: every job runs exactly once. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkAcks, readAckLog, type ScriptProcess, spawnScript } from '../faults/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { checkInvariants, storedIds } from './invariants.ts';
import { openQueue } from './open.ts';

const PRODUCERS = 4;
const WORKERS = 4;
const JOBS_EACH = 750;
const JOBS = PRODUCERS * JOBS_EACH;

it('4 producers, 4 workers and a reader: each job once, counters right, events complete and in order', async () => {
  const folder = tempDir('many-processes');
  const [file, log] = [join(folder, 'q.db'), join(folder, 'runs')];
  const crowd: ScriptProcess[] = [];
  const start = async (role: string, count = 0) => {
    const script = await spawnScript(join(import.meta.dirname, 'fixtures/crowd.ts'), [
      role,
      file,
      log,
      `${count}`,
    ]);
    crowd.push(script);
    return script;
  };
  try {
    const reader = await start('reader', JOBS);
    const workers = await Promise.all(Array.from({ length: WORKERS }, () => start('worker')));
    const producers = await Promise.all(
      Array.from({ length: PRODUCERS }, () => start('producer', JOBS_EACH)),
    );
    for (const script of crowd) await script.message(message => message === 'ready');
    for (const producer of producers) producer.send('go');
    for (const producer of producers) await producer.message(message => message === 'done');
    const read = await reader.message<{ jobs?: number }>(message => message.jobs !== undefined);
    expect(read).toEqual({ jobs: JOBS, problems: [] });
    for (const worker of workers) worker.endCommands();
    for (const worker of workers) await worker.exited;
    for (const worker of workers) expect(worker.messages).toEqual(['ready', 'done']);
  } finally {
    for (const script of crowd) await script.kill();
  }
  const { attempted: runs, acknowledged } = readAckLog(log);
  expect(new Set(acknowledged).size, 'ids given out once').toBe(JOBS);
  const acks = { attempted: acknowledged, acknowledged };
  const none = { lost: [], duplicated: [], unexpected: [], unacknowledged: [] };
  expect(checkAcks(acks, runs)).toEqual(none);
  expect(checkAcks(acks, storedIds(file))).toEqual(none);
  expect(checkInvariants(file)).toEqual([]);
  const queue = openQueue({ file });
  expect(await queue.getJobCounts()).toMatchObject({ completed: JOBS, waiting: 0, active: 0, failed: 0 });
  await queue.close();
}, 120_000);
