import {
  type Job,
  type JobSchedulerTemplateOptions,
  type JobsOptions,
  Queue,
  type RepeatOptions,
} from 'bullmq';
import { SpillwayError } from '../shared/errors.ts';
import type { Engine } from './engine.ts';
import { checkJob, checkJobData, losesEverything, refuse, show, wholeMilliseconds } from './job-options.ts';
import { type PayloadPlace, parsePayload } from './payload.ts';
import { checkSchedule } from './schedule-options.ts';
import type { StandardSchema } from './standard-schema.ts';
import type { QueueSettings } from './types.ts';

type BulkJobs = Parameters<Queue['addBulk']>[0];

/** BullMQ's Queue, which refuses a bad job with a typed error before anything is stored. */
export class SpillwayQueue extends Queue {
  readonly #schema: StandardSchema | undefined;
  readonly #newJobId: (() => string) | undefined;

  constructor(name: string, settings: QueueSettings, engine: Engine, schema: StandardSchema | undefined) {
    const { defaultJobOptions, ...rest } = settings;
    const defaults =
      defaultJobOptions === undefined ? {} : { defaultJobOptions: wholeMilliseconds(defaultJobOptions) };
    super(name, { ...engine.producer, ...rest, ...defaults }, engine.factory);
    this.#schema = schema;
    this.#newJobId = engine.newJobId;
  }

  // `add` is `addJob` with telemetry around it, so this covers both.
  override async addJob(name: string, data: unknown, opts?: JobsOptions): Promise<Job> {
    const place = { queue: this.name, job: name };
    this.#refuseWhenClosed();
    const parsed = await this.#check(place, data, opts);
    return explained(place, parsed, () => super.addJob(name, parsed, this.#complete(opts)));
  }

  override async addBulk(jobs: BulkJobs): Promise<Job[]> {
    this.#refuseWhenClosed();
    if (!Array.isArray(jobs)) {
      const place = { queue: this.name, job: 'of addBulk' };
      throw refuse(place, 'jobs', 'a list of jobs { name, data, opts }', `a value of type ${typeof jobs}`);
    }
    const checked: BulkJobs = [];
    for (const [index, job] of jobs.entries()) {
      if (typeof job !== 'object' || job === null) {
        const given: unknown = job;
        throw refuse(
          { queue: this.name, job: 'of addBulk', index },
          'it',
          'an object { name, data, opts }',
          show(given),
        );
      }
      const place = { queue: this.name, job: job.name, index };
      const data = await this.#check(place, job.data, job.opts);
      const opts = this.#complete(job.opts);
      checked.push({ ...job, data, ...(opts === undefined ? {} : { opts }) });
    }
    try {
      return await super.addBulk(checked);
    } catch (error) {
      checked.forEach((job, index) => {
        diagnose({ queue: this.name, job: job.name, index }, job.data, error);
      });
      throw error;
    }
  }

  override async upsertJobScheduler(
    jobSchedulerId: string,
    repeatOpts: Omit<RepeatOptions, 'key'>,
    jobTemplate?: { name?: string; data?: unknown; opts?: JobSchedulerTemplateOptions },
  ): Promise<Job> {
    this.#refuseWhenClosed();
    const place = { queue: this.name, job: jobTemplate?.name ?? String(jobSchedulerId) };
    const template: unknown = jobTemplate ?? {};
    if (typeof template !== 'object')
      throw refuse(place, 'the template of its scheduler', 'an object { name, data, opts }', show(template));
    checkSchedule(place, jobSchedulerId, repeatOpts, this.opts.settings?.repeatStrategy !== undefined);
    const data = await this.#check(place, jobTemplate?.data, jobTemplate?.opts);
    const parsed = { ...jobTemplate, ...(data === undefined ? {} : { data }) };
    return explained(place, data, () => super.upsertJobScheduler(jobSchedulerId, repeatOpts, parsed));
  }

  #complete(opts: JobsOptions | undefined): JobsOptions | undefined {
    const whole = wholeMilliseconds(opts);
    if (this.#newJobId === undefined || whole?.jobId !== undefined) return whole;
    return { ...whole, jobId: this.#newJobId() };
  }

  async #check(place: PayloadPlace, data: unknown, opts: JobsOptions | undefined): Promise<unknown> {
    checkJob(place, opts);
    const parsed = this.#schema === undefined ? data : await parsePayload(this.#schema, data, place);
    const sizeLimit = opts?.sizeLimit ?? this.jobsOpts.sizeLimit;
    if (sizeLimit !== undefined || losesEverything(parsed)) checkJobData(place, parsed, sizeLimit);
    return parsed;
  }

  #refuseWhenClosed(): void {
    if (this.closing === undefined) return;
    throw new SpillwayError(
      'SPILLWAY_CLOSED',
      `Queue ${JSON.stringify(this.name)} is closed and takes no jobs`,
      {
        details: { queue: this.name },
      },
    );
  }
}

/** Turns a failure to stringify, which happens before anything is stored, into a typed error. */
export async function explained<T>(place: PayloadPlace, data: unknown, add: () => Promise<T>): Promise<T> {
  try {
    return await add();
  } catch (error) {
    diagnose(place, data, error);
    throw error;
  }
}

/** JSON.stringify fails with a TypeError, a `toJSON` of the caller's with anything; neither is a SpillwayError. */
export function diagnose(place: PayloadPlace, data: unknown, error: unknown): void {
  if (!(error instanceof SpillwayError)) checkJobData(place, data);
}
