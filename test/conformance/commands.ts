import { Job, type JobsOptions } from 'bullmq';
import fc from 'fast-check';
import type { Lab } from '../../src/engines/conformance/index.ts';
import { more } from './more-commands.ts';

/** One engine's half of a comparison: a queue, a worker used by hand, and the ids that were given out. */
export interface Side {
  lab: Lab;
  queue: ReturnType<Lab['queue']>;
  worker: ReturnType<Lab['worker']>;
  flow: ReturnType<Lab['flow']>;
  ids: string[];
  /** The same frozen moment on both sides, in milliseconds; all delays count from it. */
  now: number;
}

/** One step, as plain data, so that fast-check can print and shrink it. */
export interface Command {
  do: string;
  /** Which known job it is about; taken modulo their number. */
  job: number;
  /** A small number whose meaning depends on the step. */
  n: number;
  /** A switch whose meaning depends on the step. */
  on: boolean;
}

type Step = (side: Side, command: Command) => Promise<unknown>;

const far = 100_000_000;
const idOf = ({ ids }: Side, { job }: Command) => ids[job % Math.max(1, ids.length)] ?? 'nobody';
const tick = (side: Side) => side.lab.pass(2);

function jobOptions(side: Side, { n, on }: Command): JobsOptions {
  const kinds: JobsOptions[] = [
    {},
    { lifo: true },
    { priority: 1 + (n % 3) },
    { delay: far + n * 1_000 },
    { delay: 1, timestamp: 1_000 + n },
    { attempts: 3 },
    { attempts: 3, backoff: far },
    { priority: 2, delay: far + n * 1_000, attempts: 2, lifo: on },
    { removeOnComplete: n % 3, removeOnFail: n % 3 },
    { removeOnComplete: { count: 1 }, removeOnFail: true, attempts: 2 },
  ];
  return { timestamp: side.now, ...kinds[n % kinds.length] };
}

async function add(side: Side, opts: JobsOptions, name = 'job') {
  const job = await side.queue.add(name, { of: side.ids.length }, opts);
  if (job.id && !side.ids.includes(job.id)) side.ids.push(job.id);
  return job.id;
}

async function withJob(side: Side, command: Command, work: (job: Job) => Promise<unknown>): Promise<unknown> {
  const job = await Job.fromId(side.worker, idOf(side, command));
  if (!job) return 'no such job';
  const answer = await work(job);
  return Array.isArray(answer) ? answer.slice(1, 3) : answer;
}

const token = ({ n }: Command) => (n % 7 === 0 ? 'wrong' : 't');
const cleanable = ['wait', 'delayed', 'prioritized', 'completed', 'failed', 'active'] as const;

/** All steps by name. */
const steps: Record<string, Step> = {
  add: (side, command) => add(side, jobOptions(side, command)),
  addWithId: (side, command) => add(side, { ...jobOptions(side, command), jobId: `id-${command.n % 5}` }),
  addDeduplicated: (side, command) => {
    const modes = [{}, { ttl: far }, { replace: true }, { keepLastIfActive: true }, { reschedule: true }];
    const deduplication = { id: `d-${command.job % 2}`, ...modes[command.n % modes.length] };
    return add(side, {
      timestamp: side.now,
      deduplication,
      ...(command.on ? { delay: far + command.n * 1_000 } : {}),
    });
  },
  addFlow: async (side, command) => {
    const policies = [
      {},
      { failParentOnFailure: true },
      { ignoreDependencyOnFailure: true },
      { continueParentOnFailure: true },
    ];
    const [parent, child] = [`p-${side.ids.length}`, `c-${side.ids.length}`];
    const queueName = side.queue.name;
    await side.flow.add({
      name: 'parent',
      queueName,
      opts: { jobId: parent, timestamp: side.now, ...(command.on ? { priority: 2 } : {}) },
      children: [
        { name: 'child', queueName, opts: { jobId: child, timestamp: side.now, ...policies[command.n % 4] } },
      ],
    });
    side.ids.push(parent, child);
  },
  claim: async side => (await side.worker.getBackend().moveToActive('t')).slice(1, 3),
  complete: (side, command) =>
    withJob(side, command, async job => {
      await tick(side);
      return job.moveToCompleted({ n: command.n }, token(command), command.on);
    }),
  fail: (side, command) =>
    withJob(side, command, async job => {
      await tick(side);
      return job.moveToFailed(new Error('broken'), token(command), command.on);
    }),
  delay: (side, command) =>
    withJob(side, command, job => job.moveToDelayed(Date.now() + far + command.n * 100_000, token(command))),
  giveBack: (side, command) => withJob(side, command, job => job.moveToWait(token(command))),
  retryActive: (side, command) =>
    side.worker.getBackend().retryJob(idOf(side, command), command.on, token(command)),
  waitForChildren: (side, command) =>
    withJob(side, command, job => job.moveToWaitingChildren(token(command))),
  extendLock: (side, command) =>
    side.worker.getBackend().extendLock(idOf(side, command), token(command), 600_000),
  promote: (side, command) => side.queue.getBackend().promote(idOf(side, command)),
  promoteAll: side => side.queue.promoteJobs(),
  changePriority: (side, command) =>
    side.queue.getBackend().changePriority(idOf(side, command), command.n % 4, command.on),
  changeDelay: (side, command) =>
    side.queue.getBackend().changeDelay(idOf(side, command), far * 2 + command.n * 100_000),
  remove: (side, command) => side.queue.remove(idOf(side, command), { removeChildren: command.on }),
  retry: (side, command) =>
    withJob(side, command, job =>
      job.retry(command.n % 2 ? 'failed' : 'completed', { resetAttemptsMade: command.on }),
    ),
  retryAll: (side, command) =>
    side.queue.retryJobs({ state: command.on ? 'failed' : 'completed', count: 1 + (command.n % 3) }),
  pause: side => side.queue.pause(),
  resume: side => side.queue.resume(),
  limitConcurrency: (side, command) =>
    command.on ? side.queue.setGlobalConcurrency(1 + (command.n % 3)) : side.queue.removeGlobalConcurrency(),
  clean: async (side, { n }) => {
    await tick(side);
    const state = cleanable[n % cleanable.length] ?? 'wait';
    return side.queue.getBackend().cleanJobsByState(state, Date.now() + 1, n % 3);
  },
  drain: (side, command) => side.queue.drain(command.on),
  log: (side, command) =>
    side.queue.addJobLog(idOf(side, command), `row ${command.n}`, command.on ? 2 : undefined),
  progress: (side, command) => side.queue.updateJobProgress(idOf(side, command), command.n),
  update: (side, command) => withJob(side, command, job => job.updateData({ n: command.n })),
};

/** Which steps are among the commands: the core of a queue's life, or also those of `more-commands.ts`. */
export type Breadth = 'core' | 'wide';

export function stepsOf(breadth: Breadth): Readonly<Record<string, Step>> {
  return breadth === 'wide' ? { ...steps, ...more } : steps;
}

const weights: Record<string, number> = {
  add: 8,
  claim: 8,
  complete: 5,
  fail: 5,
  addDeduplicated: 3,
  addFlow: 2,
  addTree: 5,
  claimJob: 6,
  every: 3,
  addChild: 3,
  obliterate: 1,
  close: 1,
  globalRate: 1,
  drain: 1,
  clean: 1,
};

/** Any step, those that move jobs along more often than those that clear them away. */
export function anyCommand(breadth: Breadth): fc.Arbitrary<Command> {
  const names = Object.keys(stepsOf(breadth));
  return fc.record({
    do: fc.oneof(...names.map(name => ({ arbitrary: fc.constant(name), weight: weights[name] ?? 2 }))),
    job: fc.nat(11),
    n: fc.nat(41),
    on: fc.boolean(),
  });
}
