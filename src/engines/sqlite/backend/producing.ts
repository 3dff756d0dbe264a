import type { JobJson, JobsOptions, ParentKeyOpts, RepeatableOptions } from 'bullmq';
import { codeError, refuse } from '../codes.ts';
import { closedError } from '../failure.ts';
import { type NewJob, newJob } from '../job-row.ts';
import { locate, locateParent, parseParent } from '../keys.ts';
import { type OperationKind, WRITE } from '../operation.ts';
import { addJob, type Unattached } from '../ops/add.ts';
import { releaseIfNoPending } from '../ops/parents.ts';
import { advanceScheduler, removeScheduler, upsertScheduler } from '../ops/scheduler.ts';
import type { Session } from '../session.ts';
import type { Steps } from '../store.ts';
import { BackendCore } from './core.ts';

/** Adding is durable, and leaves what is known of other jobs true (addJob says so itself where it doesn't). */
const ADD: OperationKind = { access: 'write', durable: true, keepsJobs: true };
/** A large bulk or flow is cut into slices of so many jobs. */
const SLICE = 500;

export interface FlowEntry {
  jobData: JobJson;
  jobId: string;
  parentKeyOpts: ParentKeyOpts;
  prefix: string;
  queueName: string;
}

/** The operations that bring jobs into being: add, bulk, flows, job schedulers. */
export abstract class ProducingBackend extends BackendCore {
  async addJob(job: JobJson, jobId: string, parentKeyOpts: ParentKeyOpts = {}): Promise<string> {
    const prepared = newJob(job, jobId, parentKeyOpts);
    return this.write((session, queue) => {
      const id = addJob(session, queue, prepared);
      if (typeof id === 'number') {
        throw refuse({ code: id, parentKey: parentKeyOpts.parentKey, command: 'addJob' });
      }
      return id;
    }, ADD);
  }

  /** Adds jobs in slices, each in one transaction; like Redis' pipeline, one that can't be added doesn't undo the others. */
  async addJobs(
    entries: { job: JobJson; jobId: string; parentKeyOpts?: ParentKeyOpts }[],
  ): Promise<string[]> {
    const prepared = entries.map(entry => newJob(entry.job, entry.jobId, entry.parentKeyOpts));
    const ids: string[] = [];
    let failure: Error | undefined;
    for (let from = 0; from < prepared.length; from += SLICE) {
      const added = await this.write(
        (session, queue) => prepared.slice(from, from + SLICE).map(job => addJob(session, queue, job)),
        ADD,
      );
      added.forEach((id, index) => {
        if (typeof id === 'string') ids.push(id);
        else {
          const parentKey = entries[from + index]?.parentKeyOpts?.parentKey;
          failure ??= codeError({ code: id, parentKey, command: 'addJob' });
        }
      });
    }
    if (failure !== undefined) throw failure;
    return ids;
  }

  /** Adds a whole tree in one transaction; no parent is let go before all of it is in. */
  async addFlow(entries: FlowEntry[]): Promise<[Error | null, string | number][]> {
    const prepared = entries.map(entry => ({
      queue: `${entry.prefix}:${entry.queueName}`,
      job: newJob(entry.jobData, entry.jobId, { ...entry.parentKeyOpts, deferParentRelease: true }),
    }));
    if (this.isClosed) throw closedError();
    if (prepared.length > SLICE) {
      return this.store.runSliced(session => addTree(session, prepared));
    }
    return this.store.run(WRITE, session => {
      const steps = addTree(session, prepared);
      for (;;) {
        const step = steps.next();
        if (step.done) return step.value;
      }
    });
  }

  async addJobScheduler(
    id: string,
    nextMillis: number,
    data: string,
    templateOpts: JobsOptions,
    repeat: RepeatableOptions,
    jobOpts: JobsOptions,
    _producerId?: string,
  ): Promise<[string, number]> {
    return this.write((session, queue) => {
      const result = upsertScheduler(session, queue, { id, nextMillis, data, templateOpts, repeat, jobOpts });
      if (typeof result === 'number') throw refuse({ code: result, command: 'addJobScheduler' });
      return result;
    });
  }

  async updateJobSchedulerNextMillis(
    id: string,
    nextMillis: number,
    _data: string,
    jobOpts: JobsOptions,
    producerId?: string,
  ): Promise<string | null> {
    return this.write((session, queue) =>
      advanceScheduler(session, queue, { id, nextMillis, jobOpts, producerId }),
    );
  }

  async removeJobScheduler(id: string): Promise<number> {
    return this.write((session, queue) => removeScheduler(session, queue, id));
  }
}

function* addTree(
  session: Session,
  entries: readonly { queue: string; job: NewJob }[],
): Steps<[Error | null, string | number][]> {
  const unattached: Unattached = new Set();
  const parents = new Map<string, NewJob>();
  const results: [Error | null, string | number][] = [];
  for (const { queue, job } of entries) {
    results.push([null, addJob(session, session.writable(queue), job, unattached)]);
    if (job.parentKey !== null) parents.set(job.parentKey, job);
    yield;
  }
  for (const [key, job] of parents) {
    if (unattached.has(key)) continue;
    const parent =
      job.parent === null ? locate(session, key) : locateParent(session, parseParent(job.parent));
    if (parent !== undefined) releaseIfNoPending(session, parent, session.now());
    yield;
  }
  return results;
}
