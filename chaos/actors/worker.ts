/** Works off jobs and writes down each. */
import { setTimeout as delay } from 'node:timers/promises';
import { commands } from '../../test/faults/child.ts';
import { openEngine } from '../engine.ts';
import { sharedClockMs } from '../harness/clock.ts';
import { LogWriter } from '../harness/log.ts';
import { configOf, observe, tell } from './actor.ts';
import { DoneRecord } from './done-record.ts';
import type { Command, WorkerConfig } from './protocol.ts';

/**
 * Each lost reply to a fetch leaves a job that counts as stalled, and a job that stalled more often is given up.
 * That rule is for jobs that kill their worker; here it would hide what is looked for.
 */
const MOST_STALLS = 1000;

const config = configOf<WorkerConfig>(process.argv);
const log = new LogWriter(config.log);
const done = config.doneFile === undefined ? undefined : new DoneRecord(config.doneFile);
const engine = openEngine(config.engine);
const keyOf = (job: { data: unknown } | undefined) => (job?.data as { key?: string })?.key ?? 'unknown';

const worker = engine.worker(
  config.queue,
  async job => {
    await delay(config.handlerMs);
    const key = keyOf(job);
    log.write(done === undefined || done.isFirst(key) ? 'ran' : 'repeated', key, job.id);
  },
  {
    concurrency: config.concurrency,
    lockDuration: config.lockMs,
    stalledInterval: config.stalledCheckMs,
    maxStalledCount: MOST_STALLS,
  },
);
observe(worker, engine, log);
worker.on('completed', job => log.write('completed', keyOf(job)));
worker.on('failed', (job, error) => log.write('failed', keyOf(job), error.message));

function block(forMs: number): void {
  const end = sharedClockMs() + forMs;
  while (sharedClockMs() < end);
}

await worker.waitUntilReady();
tell({ event: 'ready' });
for await (const command of commands<Command>()) {
  if (command.do === 'block') block(command.forMs);
  if (command.do !== 'close') continue;
  await worker.close();
  process.exit();
}
// The runner is gone, however it ended.
process.exit();
