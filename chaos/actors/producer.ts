/** Adds jobs with keys of its own, at a rate or in a burst, and writes down what was acknowledged. */
import { setTimeout as delay } from 'node:timers/promises';
import { commands } from '../../test/faults/child.ts';
import { openEngine } from '../engine.ts';
import { sharedClockMs } from '../harness/clock.ts';
import { LogWriter } from '../harness/log.ts';
import { configOf, observe, reasonOf, tell } from './actor.ts';
import type { Command, ProducerConfig } from './protocol.ts';

const TICK_MS = 5;
/** With its key and the queue's own fields a job is some 300 bytes. */
const PADDING = 'x'.repeat(200);
const UNFINISHED = ['waiting', 'prioritized', 'delayed', 'active', 'waiting-children'] as const;

const config = configOf<ProducerConfig>(process.argv);
const log = new LogWriter(config.log);
const engine = openEngine(config.engine);
const keep = { count: config.keepFinished };
const queue = engine.queue(config.queue, {
  defaultJobOptions: { removeOnComplete: keep, removeOnFail: keep },
});
observe(queue, engine, log);

let added = 0;
let underWay = 0;
let pacing: NodeJS.Timeout | undefined;

async function add(): Promise<boolean> {
  added += 1;
  underWay += 1;
  const key = `${config.name}-${added}`;
  log.write('began', key);
  try {
    await queue.add('job', { key, padding: PADDING });
    log.write('acknowledged', key);
    return true;
  } catch (error) {
    log.write('rejected', key, reasonOf(error));
    return false;
  } finally {
    underWay -= 1;
  }
}

function start(): void {
  const startedAt = sharedClockMs();
  let started = 0;
  pacing = setInterval(() => {
    const due = Math.floor(((sharedClockMs() - startedAt) / 1000) * config.rate);
    for (; started < due; started++) void add();
  }, TICK_MS);
}

async function stop(settleMs: number): Promise<number> {
  clearInterval(pacing);
  const deadline = sharedClockMs() + settleMs;
  while (underWay > 0 && sharedClockMs() < deadline) await delay(TICK_MS);
  return underWay;
}

async function burst(count: number, atOnce: number): Promise<number> {
  let [left, acknowledged] = [count, 0];
  const adder = async () => {
    while (left > 0) {
      left -= 1;
      if (await add()) acknowledged += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, adder));
  return acknowledged;
}

async function unfinished(): Promise<number> {
  const counts = await queue.getJobCounts(...UNFINISHED);
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** An answer that cannot be given is none: the runner's patience is bounded. */
function answer(n: number, value: Promise<number>): void {
  value.then(
    known => tell({ event: 'answer', n, value: known }),
    error => log.write('error', '-', reasonOf(error)),
  );
}

await queue.waitUntilReady();
tell({ event: 'ready' });
for await (const command of commands<Command>()) {
  if (command.do === 'start') start();
  else if (command.do === 'stop') answer(command.n, stop(command.settleMs));
  else if (command.do === 'burst') answer(command.n, burst(command.count, command.atOnce));
  else if (command.do === 'unfinished') answer(command.n, unfinished());
}
// The runner is gone, however it ended.
process.exit();
