import { ErrorCode, FlowProducer, type Job, type JobsOptions, Queue, Worker } from 'bullmq';
import { createSqliteBackend, type SqliteConnectionOptions } from '../../src/engines/sqlite/index.ts';
import type { SeededRandom } from '../support/random.ts';

const factory = createSqliteBackend as never;
const NAMES = ['mail', 'sms'] as const;
const TOKEN = 'token';
const HOUR = 3_600_000;
/** Long enough for payload rows. */
const LONG = 'long '.repeat(600);

/**
 * Fills a queue file with jobs of all sorts and in all states: priorities, delays, lifo, flows across queues and
 * prefixes, de-duplication in its modes, schedulers, log lines, retries with backoff, jobs in work and done.
 */
export class Content implements AsyncDisposable {
  readonly #random: SeededRandom;
  readonly #queues: Queue[];
  readonly #workers: Worker[];
  readonly #flows: FlowProducer;
  /** In work. */
  readonly #held: Job[] = [];
  #number = 0;

  constructor(connection: SqliteConnectionOptions, random: SeededRandom, prefix = 'bull') {
    const opts = { connection: connection as never, prefix };
    this.#random = random;
    this.#queues = NAMES.map(name => new Queue(name, opts, factory));
    this.#workers = NAMES.map(name => new Worker(name, null, { ...opts, lockDuration: HOUR }, factory));
    this.#flows = new FlowProducer(opts, factory);
    for (const worker of this.#workers) worker.on('error', () => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const object of [...this.#queues, ...this.#workers, this.#flows]) await object.close();
  }

  /** Does so many random things. */
  async grow(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) await this.#one();
  }

  async #one(): Promise<void> {
    const random = this.#random;
    const index = random.int(0, 1);
    const [queue, worker] = [this.#queues[index] as Queue, this.#workers[index] as Worker];
    const dice = random.int(1, 100);
    if (dice <= 25) await queue.add('single', this.#data(), this.#options());
    else if (dice <= 37) await this.#flows.add(this.#node(random.int(2, 4)));
    else if (dice <= 49) await queue.add('dup', this.#data(), { attempts: 3, deduplication: this.#dedup() });
    else if (dice <= 53) await this.#schedule(queue);
    else if (dice <= 55) await (random.chance(0.3) ? queue.pause() : queue.resume());
    else if (dice <= 59) await this.#touch(queue);
    else if (dice <= 80) await this.#claim(worker);
    else await this.#finish();
  }

  #data(): object {
    this.#number += 1;
    return { n: this.#number, ...(this.#random.chance(0.1) ? { text: LONG } : {}) };
  }

  #options(): JobsOptions {
    const random = this.#random;
    return {
      // Some ids are given, the others counted.
      ...(random.chance(0.4) ? { jobId: `id-${this.#number}-${random.int(0, 99)}` } : {}),
      ...(random.chance(0.25) ? { delay: HOUR + random.int(0, 5) } : {}),
      ...(random.chance(0.25) ? { priority: random.int(1, 3) } : {}),
      ...(random.chance(0.15) ? { lifo: true } : {}),
      ...(random.chance(0.4)
        ? { attempts: 3, backoff: random.chance(0.5) ? { type: 'fixed', delay: HOUR } : 0 }
        : {}),
      ...(random.chance(0.1) ? { removeOnComplete: true } : {}),
    };
  }

  #dedup(): NonNullable<JobsOptions['deduplication']> {
    const id = `topic-${this.#random.int(0, 5)}`;
    return this.#random.pick([
      { id },
      { id, ttl: HOUR },
      { id, keepLastIfActive: true },
      { id, keepLastIfActive: true },
    ]);
  }

  #node(depth: number): Parameters<FlowProducer['add']>[0] {
    const random = this.#random;
    const leaf = depth <= 1 || random.chance(0.3);
    const { lifo: _, ...opts } = this.#options();
    if (random.chance(0.2)) Object.assign(opts, { failParentOnFailure: true });
    return {
      name: 'node',
      queueName: random.pick(NAMES),
      data: this.#data(),
      opts,
      ...(leaf ? {} : { children: Array.from({ length: random.int(1, 3) }, () => this.#node(depth - 1)) }),
    };
  }

  async #schedule(queue: Queue): Promise<void> {
    const random = this.#random;
    const repeat = random.pick([{ every: HOUR }, { pattern: '0 0 3 * * *', tz: 'Europe/Berlin', limit: 9 }]);
    const template = {
      name: 'tick',
      data: this.#data(),
      ...(random.chance(0.5) ? { opts: { priority: 2, keepLogs: 3, attempts: 2 } } : {}),
    };
    try {
      await queue.upsertJobScheduler(`schedule-${random.int(0, 3)}`, repeat, template);
    } catch (error) {
      // The slot's job is in work or done already.
      if ((error as { code?: unknown }).code !== ErrorCode.SchedulerJobIdCollision) throw error;
    }
  }

  async #touch(queue: Queue): Promise<void> {
    const jobs = await queue.getJobs(['waiting', 'delayed', 'prioritized'], 0, 9);
    if (jobs.length === 0) return;
    const job = this.#random.pick(jobs) as Job;
    await job.log('a line\0');
    await job.log('another');
    if (this.#random.chance(0.5)) await job.updateProgress({ done: 1 });
    if (this.#random.chance(0.3) && job.parentKey === undefined) await job.changePriority({ priority: 2 });
    if (this.#random.chance(0.3) && (await job.isDelayed())) await job.promote();
  }

  async #claim(worker: Worker): Promise<void> {
    const job = await worker.getNextJob(TOKEN, { block: false });
    if (job !== undefined) this.#held.push(job);
  }

  async #finish(): Promise<void> {
    const random = this.#random;
    const [job] = this.#held.splice(random.int(0, this.#held.length), 1);
    if (job === undefined) return;
    const fail = () => job.moveToFailed(new Error('as asked\0'), TOKEN, false);
    const fate = random.int(1, 10);
    // A parent let go by a failed child cannot complete.
    if (fate <= 4) await job.moveToCompleted({ ok: true }, TOKEN, false).catch(fail);
    else if (fate <= 8) await fail();
    else if (fate === 9) await job.moveToDelayed(Date.now() + HOUR, TOKEN);
    else await job.moveToWait(TOKEN);
  }
}
