import { type Job, type Processor, Worker } from 'bullmq';
import { BreakerGate } from './breaker-gate.ts';
import type { Engine } from './engine.ts';
import type { WorkerSettings } from './types.ts';

/** How long giving jobs back may take when the engine does not answer; stalled-job recovery takes over then. */
const giveBackTimeoutMs = 5_000;

/** What became of the jobs that were running when a worker had to close. */
export interface WorkerClosed {
  /** Ids of jobs moved back to waiting. */
  givenBack: string[];
  /** Ids of jobs that could not be: they run again once their lock has expired. */
  left: string[];
}

/** BullMQ's Worker, which can close within a limit and give unfinished jobs back. */
export class SpillwayWorker<Data, Result, Name extends string> extends Worker<Data, Result, Name> {
  /** Jobs this worker holds a lock for, from the moment they are fetched until they are settled. */
  readonly #held = new Map<string, { job: Job; token: string }>();
  readonly #processes: boolean;
  readonly #gate: BreakerGate | undefined;

  constructor(
    name: string,
    processor: string | URL | null | Processor<Data, Result, Name>,
    { breaker, ...settings }: WorkerSettings,
    engine: Engine,
  ) {
    super(name, processor, { ...engine.consumer, ...settings }, engine.factory);
    this.#processes = processor !== null;
    this.#gate =
      breaker &&
      new BreakerGate(breaker, {
        isPaused: () => this.isPaused(),
        pause: () => void super.pause(true),
        resume: () => void super.resume(),
      });
    this.once('closing', () => this.#gate?.stop());
  }

  override pause(doNotWaitActive?: boolean): Promise<void> {
    this.#gate?.letGo();
    return super.pause(doNotWaitActive);
  }

  override resume(): Promise<void> {
    this.#gate?.letGo();
    return super.resume();
  }

  protected override callProcessJob(
    ...args: Parameters<Worker<Data, Result, Name>['callProcessJob']>
  ): Promise<Result> {
    const [job, token] = args;
    const run = () => super.callProcessJob(...args);
    return this.#gate === undefined ? run() : this.#gate.run(job, token, run);
  }

  protected override async nextJobFromJobData(
    ...args: Parameters<Worker<Data, Result, Name>['nextJobFromJobData']>
  ): Promise<Job<Data, Result, Name>> {
    const job = await super.nextJobFromJobData(...args);
    // A job fetched by hand, by a worker without a processor, is its caller's to settle.
    if (this.#processes && job?.id !== undefined && job.token !== undefined) {
      this.#held.set(job.id, { job, token: job.token });
    }
    return job;
  }

  override async processJob(
    ...args: Parameters<Worker<Data, Result, Name>['processJob']>
  ): ReturnType<Worker<Data, Result, Name>['processJob']> {
    const [job] = args;
    try {
      return await super.processJob(...args);
    } finally {
      if (job.id !== undefined && this.#held.get(job.id)?.job === job) this.#held.delete(job.id);
    }
  }

  /**
   * Stops fetching at once and waits for running jobs until `late` resolves; then moves those still running back to the
   * front of the queue and closes without them. Their handlers cannot be stopped, only told (the abort signal);
   * whatever they return is refused, because the lock is gone.
   */
  async closeWithin(late: Promise<void>): Promise<WorkerClosed> {
    const finished = await Promise.race([this.close().then(() => true), late.then(() => false)]);
    if (finished) return { givenBack: [], left: [] };

    const outcome = await this.#giveBack();
    this.cancelAllJobs('shutdown');
    // BullMQ answers a second close() with the first one's promise, which waits for the very jobs just given up.
    this.closing = undefined;
    await closeOrCut(this, this.close(true));
    return outcome;
  }

  async #giveBack(): Promise<WorkerClosed> {
    const held = [...this.#held];
    const moved = new Set<string>();
    const moving = Promise.all(
      held.map(([id, { job, token }]) =>
        job.moveToWait(token).then(
          () => moved.add(id),
          // Settled in this very moment, or its lock has gone to another worker; or the engine is not there.
          () => undefined,
        ),
      ),
    );
    await settledWithin(moving, giveBackTimeoutMs);
    const ids = held.map(([id]) => id);
    return {
      givenBack: ids.filter(id => moved.has(id)),
      left: ids.filter(id => !moved.has(id) && this.#held.has(id)),
    };
  }
}

/** How long a connection may take to say goodbye before it is cut. */
const closeTimeoutMs = 2_000;

/** Waits for an object to close, and cuts its connection when the server does not answer. Whether it closed by itself. */
export async function closeOrCut(
  each: { disconnect(): Promise<void> },
  closing: Promise<void>,
): Promise<boolean> {
  if (await settledWithin(closing, closeTimeoutMs)) return true;
  await settledWithin(each.disconnect(), closeTimeoutMs);
  return false;
}

/** Waits for a promise, but no longer than this; whether it settled in time. Never rejects. */
export async function settledWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>(resolve => {
    timer = setTimeout(resolve, milliseconds, false);
  });
  try {
    return await Promise.race([
      promise.then(
        () => true,
        () => true,
      ),
      late,
    ]);
  } finally {
    clearTimeout(timer);
  }
}
