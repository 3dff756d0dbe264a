import { type Job, WaitingError } from 'bullmq';
import { isSpillwayError, type SpillwayError } from '../shared/errors.ts';

/** What a worker asks of the breaker its handler calls through; a breaker or a provider chain of Spillway. */
export interface WorkerBreaker {
  readonly name: string;
  /** In how many ms it is worth calling again; 0 now, Infinity while nobody knows. */
  readonly retryAfterMs: number;
}

/** BullMQ's own pausing, past what a user of the worker calls. */
export interface Pausable {
  isPaused(): boolean;
  /** At once; jobs that run go on. */
  pause(): void;
  resume(): void;
}

/** A breaker may be closed by hand at any time, so it is asked this often while it is open, ms. */
const LOOK_EVERY_MS = 250;
const SHORTEST_WAIT_MS = 10;
/** Nobody tells when one of a breaker's places is free again. */
const FULL_WAIT_MS = 50;

const REFUSALS: ReadonlySet<string> = new Set([
  'SPILLWAY_BREAKER_OPEN',
  'SPILLWAY_BREAKER_FULL',
  'SPILLWAY_CHAIN_UNAVAILABLE',
]);

/** How long nothing is fetched at least. */
function waitAfter({ code, details }: SpillwayError): number {
  if (code === 'SPILLWAY_BREAKER_FULL') return FULL_WAIT_MS;
  // Without a time a budget is spent, or all places of a chain are taken: no breaker tells when that is over.
  return typeof details.retryAfterMs === 'number' ? SHORTEST_WAIT_MS : LOOK_EVERY_MS;
}

/**
 * Pauses a worker while the breaker of its handler is open: a job that finds it open, or full, goes back to the front of its
 * queue without having spent an attempt, and nothing is fetched until a call would be let through.
 */
export class BreakerGate {
  readonly #breaker: WorkerBreaker;
  readonly #worker: Pausable;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(breaker: WorkerBreaker, worker: Pausable) {
    this.#breaker = breaker;
    this.#worker = worker;
  }

  /** Runs the handler, unless the breaker is open. A job that goes back rejects with BullMQ's WaitingError. */
  async run<Result>(
    job: Pick<Job, 'moveToWait'>,
    token: string,
    handler: () => Promise<Result>,
  ): Promise<Result> {
    if (this.#breaker.retryAfterMs > 0) return this.#giveBack(job, token);
    try {
      return await handler();
    } catch (error) {
      if (!this.#isRefusal(error)) throw error;
      return this.#giveBack(job, token, waitAfter(error));
    }
  }

  /** The user has taken the worker into his own hands: it is resumed by him, too. */
  letGo(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The worker closes. */
  stop(): void {
    this.#stopped = true;
    this.letGo();
  }

  async #giveBack(
    job: Pick<Job, 'moveToWait'>,
    token: string,
    shortestMs = SHORTEST_WAIT_MS,
  ): Promise<never> {
    this.#pause(shortestMs);
    await job.moveToWait(token);
    throw new WaitingError();
  }

  #pause(shortestMs: number): void {
    if (this.#stopped || this.#timer !== undefined || this.#worker.isPaused()) return;
    this.#worker.pause();
    this.#wait(shortestMs);
  }

  #wait(shortestMs = SHORTEST_WAIT_MS): void {
    const ms = Math.min(Math.max(this.#breaker.retryAfterMs, shortestMs), LOOK_EVERY_MS);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#breaker.retryAfterMs > 0) this.#wait();
      else this.#worker.resume();
    }, ms);
  }

  /** Of this very breaker: another one that is open is the handler's own affair. */
  #isRefusal(error: unknown): error is SpillwayError {
    if (!isSpillwayError(error)) return false;
    if (!REFUSALS.has(error.code)) return false;
    const { breaker, chain } = error.details;
    return breaker === this.#breaker.name || chain === this.#breaker.name;
  }
}
