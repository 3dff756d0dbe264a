/**
 * STAND-IN, to be deleted when `createSpillway` lands in src/index.ts: the same interface on plain BullMQ.
 * The embedded engine is played by a private redis-server on a Unix socket, ended with this process's `close`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ConnectionOptions,
  type JobProgress,
  type JobsOptions,
  type Processor,
  Queue,
  QueueEvents,
  type QueueOptions,
  Worker,
  type WorkerOptions,
} from 'bullmq';
import type { ZodType } from 'zod';

export interface SpillwayOptions {
  engine?: 'sqlite' | 'redis';
  sqlite?: { file: string };
  redis?: string;
  handleSignals?: boolean;
}

export interface QueueCounts {
  waiting: number;
  active: number;
  completed: number;
  failed: number;
  delayed: number;
  prioritized: number;
  waitingChildren: number;
  total: number;
}

export interface JobStatus {
  id: string;
  name: string;
  queue: string;
  state: string;
  progress: JobProgress;
  attemptsMade: number;
  timestamps: { created: number; started?: number; finished?: number };
  failedReason?: string;
  returnvalue?: unknown;
}

export interface Spillway {
  readonly engine: string;
  queue<T>(name: string, options?: QueueSettings<T>): Queue<T>;
  worker<T, R>(name: string, processor: Processor<T, R>, options?: Partial<WorkerOptions>): Worker<T, R>;
  queueEvents(name: string): QueueEvents;
  stats(): Promise<{ mode: string; queues: Record<string, QueueCounts> }>;
  job(queueName: string, id: string): Promise<JobStatus | undefined>;
  close(): Promise<void>;
}

type QueueSettings<T> = Partial<QueueOptions> & { schema?: ZodType<T>; defaultJobOptions?: JobsOptions };

export function createSpillway(options: SpillwayOptions): Spillway {
  const engine = options.engine ?? (options.redis === undefined ? 'sqlite' : 'redis');
  const server = engine === 'sqlite' ? privateRedis(options.sqlite?.file ?? 'queue.db') : undefined;
  const connection: ConnectionOptions = server?.connection ?? { url: options.redis ?? '' };
  const queues = new Map<string, Queue>();
  const others: (Worker | QueueEvents)[] = [];
  const quiet = <T extends Queue | Worker | QueueEvents>(part: T): T => {
    (part as NodeJS.EventEmitter).on('error', () => {});
    return part;
  };
  const queueNamed = (name: string, settings: Partial<QueueOptions> = {}): Queue => {
    const known = queues.get(name);
    if (known !== undefined) return known;
    const queue = quiet(new Queue(name, { ...settings, connection }));
    queues.set(name, queue);
    return queue;
  };
  return {
    engine,
    queue<T>(name: string, { schema: _schema, ...settings }: QueueSettings<T> = {}) {
      return queueNamed(name, settings) as unknown as Queue<T>;
    },
    worker<T, R>(name: string, processor: Processor<T, R>, settings: Partial<WorkerOptions> = {}) {
      const worker = quiet(new Worker<T, R>(name, processor, { ...settings, connection }));
      others.push(worker as Worker);
      return worker;
    },
    queueEvents(name) {
      const events = quiet(new QueueEvents(name, { connection }));
      others.push(events);
      return events;
    },
    async stats() {
      const entries = [...queues.values()].map(async queue => [queue.name, await countsOf(queue)] as const);
      return { mode: engine, queues: Object.fromEntries(await Promise.all(entries)) };
    },
    async job(queueName, id) {
      const job = await queueNamed(queueName).getJob(id);
      if (job === undefined) return undefined;
      const { name, progress, attemptsMade, timestamp, processedOn, finishedOn, failedReason, returnvalue } =
        job;
      return {
        id,
        name,
        queue: queueName,
        state: await job.getState(),
        progress,
        attemptsMade,
        timestamps: {
          created: timestamp,
          ...(processedOn === undefined ? {} : { started: processedOn }),
          ...(finishedOn === undefined ? {} : { finished: finishedOn }),
        },
        ...(failedReason === undefined ? {} : { failedReason }),
        ...(returnvalue === undefined ? {} : { returnvalue }),
      };
    },
    async close() {
      await Promise.all(others.map(part => part.close()));
      await Promise.all([...queues.values()].map(queue => queue.close()));
      await server?.stop();
    },
  };
}

async function countsOf(queue: Queue): Promise<QueueCounts> {
  const counts = await queue.getJobCounts();
  const n = (state: string) => counts[state] ?? 0;
  return {
    waiting: n('waiting') + n('paused'),
    active: n('active'),
    completed: n('completed'),
    failed: n('failed'),
    delayed: n('delayed'),
    prioritized: n('prioritized'),
    waitingChildren: n('waiting-children'),
    total: Object.values(counts).reduce((sum, count) => sum + count, 0),
  };
}

function privateRedis(file: string): { connection: ConnectionOptions; stop(): Promise<void> } {
  const dir = `${file}.shim`;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const socketDir = mkdtempSync(join(tmpdir(), 'spillway-shim-'));
  const path = join(socketDir, 's');
  const settings = ['--port', '0', '--unixsocket', path, '--dir', dir, '--appendonly', 'yes', '--save', ''];
  const child: ChildProcess = spawn('redis-server', settings, { stdio: 'ignore', detached: true });
  return {
    connection: { path },
    async stop() {
      if (child.exitCode === null) {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      rmSync(socketDir, { recursive: true, force: true });
    },
  };
}
