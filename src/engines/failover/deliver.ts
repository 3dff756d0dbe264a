import type { IQueueBackend, JobsOptions, KeepJobs, MinimalJob } from 'bullmq';
import { classifyFailure, isAvailabilityFailure } from '../../redis/index.ts';
import { ABANDONED, giveBackClaimedWith } from './abandoned.ts';
import { isYounger } from './age.ts';
import type { Controller } from './controller.ts';
import { type AddEntry, flowEntries } from './entries.ts';
import { type Json, KEPT_ADD, type StoredOperation } from './ledger/index.ts';
import { withLivingParents } from './parents.ts';
import { ANY_LOCK, FAILED_CHILD, GONE, LOCKED, NO_LOCK, NOT_ACTIVE, OTHER_LOCK } from './refusals.ts';
import { HELD } from './unknown.ts';

const PAGE = 200;
/** More jobs than a window lets through: it was closed by hand. PostgreSQL takes no larger number. */
const BY_HAND = 2 ** 31 - 1;

/** Where the arguments of `completed` and `failed` say that the primary has refused the report already. */
const REFUSED_AT = 6;

/** So long what a primary has lost is given to be added again: more than one who dies in the middle of it holds it up. In ms. */
const MADE_GOOD_MS = 30_000;

type Args = readonly unknown[];

/** The entry stays, and is looked at again after the next good probe. */
class NotYet extends Error {}

/** Applies to the primary, in order, what was kept for it. Answers false when it had to stop. */
export async function deliver(
  controller: Controller,
  mayGoOn: () => boolean,
  renew: () => Promise<boolean>,
): Promise<boolean> {
  let after = 0;
  for (;;) {
    const page = await controller.ledger.deferredPage(after, PAGE);
    if (page.length === 0) return true;
    for (const entry of page) {
      if (!mayGoOn()) return false;
      after = entry.seq;
      if (controller.unknownAdds.isYoung(entry)) continue;
      if (await deliverOne(controller, entry)) await controller.ledger.settleDeferred([entry.seq]);
    }
    if (!(await renew())) return false;
  }
}

/**
 * Applies one entry; tells whether it is done with: carried out, or refused for good and told.
 * @throws what says that the primary is away.
 */
export async function deliverOne(controller: Controller, entry: StoredOperation): Promise<boolean> {
  try {
    await apply(controller, entry);
  } catch (error) {
    if (error instanceof NotYet) return false;
    // What the primary said no to would be refused again, for ever; what it did not say at all is tried again.
    if (isAvailabilityFailure(classifyFailure(error))) throw error;
    // Removed by another process: what it would have been told matters to nobody.
    if (isGone(entry, error)) return true;
    if (entry.op === HELD) {
      // It was acknowledged: the standby can hold it, and run it.
      await controller.unknownAdds.release(entry);
      return false;
    }
    controller.emit('undeliverable', {
      queue: entry.queue,
      job: entry.job,
      op: entry.op,
      why: error instanceof Error ? error.message : String(error),
    });
  }
  return true;
}

/** The job is not there any more: as if the worker had been told so at once. */
function isGone({ job }: StoredOperation, error: unknown): boolean {
  return job !== null && (error as { code?: unknown }).code === GONE;
}

async function apply(controller: Controller, entry: StoredOperation): Promise<void> {
  const backend = controller.maintenance.queue(entry.queue);
  const id = entry.job ?? '';
  const args = entry.args as Args;
  switch (entry.op) {
    case 'completed':
    case 'failed':
    case 'delayed':
    case 'retry':
    case 'waiting':
      return report(controller, entry);
    case 'waitingChildren':
      // None of its children is left to wait for: it goes on at once.
      if (!(await backend.moveToWaitingChildren(id, ANY_LOCK, (args[1] ?? {}) as never))) {
        await backend.moveJobFromActiveToWait(id, ANY_LOCK);
      }
      return;
    case 'remove':
      if ((await backend.remove(id, args[0] === true)) === LOCKED)
        throw new Error('Another worker works on it');
      return;
    case 'removeScheduler':
      await backend.removeJobScheduler(String(args[0]));
      return;
    case 'progress':
      return backend.updateProgress(id, args[0] as never);
    case 'data':
      return backend.updateData({ id } as MinimalJob, args[0]);
    case 'log':
      await backend.addLog(id, String(args[0]), (args[1] as number | null) ?? undefined);
      return;
    case 'clearLogs':
      return backend.clearLogs(id, (args[0] as number | null) ?? undefined);
    case 'pause':
      return controller.maintenance.silently(entry.queue, silent => silent.pause(args[0] as boolean));
    case 'setMeta':
      await backend.setQueueMeta(args[0] as Record<string, string | number>);
      return;
    case 'removeMeta':
      await backend.removeQueueMetaFields(args[0] as string[]);
      return;
    case 'rateLimit':
      return limitRate(controller, entry.queue, args.map(Number));
    case 'removeRateLimit':
      await backend.removeRateLimitKey();
      return;
    case 'freeKeyOf':
      await backend.removeDeduplicationKey(String(args[0]), String(args[1]));
      return;
    case 'freeKey':
      await backend.deleteDeduplicationKey(String(args[0]));
      return;
    case 'nextRun':
      await backend.updateJobSchedulerNextMillis(
        args[0] as string,
        args[1] as number,
        args[2] as string,
        args[3] as JobsOptions,
        (args[4] as string | null) ?? undefined,
      );
      return;
    case ABANDONED:
      return giveBackClaimedWith(controller, entry.queue, new Set(args.map(String)));
    case KEPT_ADD:
    case HELD:
      return addLater(controller, backend, args[0] as AddEntry[]);
    default:
      throw new Error(`Unknown kept operation ${entry.op}`);
  }
}

/** For what is left of it, unless one that was set by hand there lasts longer. */
async function limitRate(
  { maintenance, clock }: Controller,
  queue: string,
  [ms = 0, until = 0]: readonly number[],
): Promise<void> {
  const backend = maintenance.queue(queue);
  const left = Math.ceil(Math.min(ms, until - clock.now()));
  if (left > 0 && (await backend.getRateLimitTtl(BY_HAND)) < left) await backend.setRateLimit(left);
}

/**
 * What a worker had to report of a job. Of one that the primary can't hold (PostgreSQL: a NUL character in a result) it is told what it
 * can: left as it is, the job would run again when its lock has run out, and end the same way.
 */
async function report(controller: Controller, entry: StoredOperation): Promise<void> {
  try {
    await reportAsItIs(controller, entry);
  } catch (error) {
    if (error instanceof NotYet || isAvailabilityFailure(classifyFailure(error))) throw error;
    await reportAsItIs(controller, holdable(entry, error instanceof Error ? error.message : String(error)));
  }
}

/** A result becomes a failure, as a worker makes of it when it is refused at once; a failure loses what can't be held. */
function holdable(entry: StoredOperation, why: string): StoredOperation {
  const args = [...(entry.args as Args)] as Json[];
  const plain = (reason: Json | undefined) => String(reason).replaceAll('\u0000', '');
  switch (entry.op) {
    case 'completed':
      // What to keep of completed jobs says nothing of failed ones.
      return {
        ...entry,
        op: 'failed',
        args: [why, null, args[2], args[3], null, ...args.slice(5)] as Json[],
      };
    case 'failed':
      return { ...entry, args: [plain(args[0]), ...args.slice(1, 4), null, ...args.slice(5)] as Json[] };
    case 'delayed':
    case 'retry': {
      const at = entry.op === 'delayed' ? 3 : 2;
      const { fieldsToUpdate: _, ...opts } = (args[at] ?? {}) as Record<string, Json>;
      return { ...entry, args: args.with(at, opts) };
    }
    default:
      return entry;
  }
}

/** It ran, whatever became of its lock meanwhile. */
async function reportAsItIs(controller: Controller, entry: StoredOperation): Promise<void> {
  const id = entry.job ?? '';
  const { statistics, maintenance } = controller;
  const tellDuplicate = (how: string) => controller.countDuplicate(entry.queue, id, how);
  const metrics = Number((entry.args as Args)[5] ?? 0);
  const backend = maintenance.queue(entry.queue, metrics);
  let refusal = await refusalOf(reportWith(backend, entry, tokenOf(entry)));
  if (refusal?.code === NO_LOCK) refusal = await refusalOf(reportWith(backend, entry, ANY_LOCK));
  if (refusal?.code === NOT_ACTIVE) {
    const state = await backend.getState(id);
    if (state === 'completed' || state === 'failed') {
      // One that was not answered may have been carried out: this can't be told from a job that ran again elsewhere.
      if ((entry.args as Args)[REFUSED_AT] === true) tellDuplicate('it ran again on another worker');
    } else if (await maintenance.reclaim(entry.queue, id)) await reportWith(backend, entry, ANY_LOCK);
    else if (state !== 'unknown') tellDuplicate('it waits to be run again');
  } else if (refusal?.code === OTHER_LOCK) {
    tellDuplicate('it runs again on another worker');
  } else if (refusal?.code === FAILED_CHILD) {
    const failure = [(refusal.error as Error).message, null, tokenOf(entry), (entry.args as Args)[3]];
    await reportWith(backend, { ...entry, op: 'failed', args: failure as Json[] }, ANY_LOCK);
  } else if (refusal?.code === GONE) {
    // Reported already and removed, or lost with its queue: it is not to run again either way.
    const copy = await copyOf(controller, entry);
    if (copy === 'there' && isYounger(entry, MADE_GOOD_MS, controller.clock)) throw new NotYet();
    if (copy === 'dropped') tellDuplicate('it ran again on another worker');
  } else if (refusal !== undefined) {
    throw refusal.error;
  }
  statistics.reportsDelivered += 1;
  if (entry.op === 'completed' || entry.op === 'failed') controller.journal?.finished(entry.queue, id);
}

/**
 * What the journal tells of a job that is gone. Its report was refused, so that did not finish it: where the copy is dropped another
 * worker has, and where it is there the job is being added again.
 */
async function copyOf(
  { options, ledger }: Controller,
  { queue, job, args }: StoredOperation,
): Promise<'there' | 'dropped' | 'unknown'> {
  if ((args as Args)[REFUSED_AT] !== true || options.journal !== 'until-completed') return 'unknown';
  return (await ledger.journalHas(queue, job ?? '')) ? 'there' : 'dropped';
}

/** What BullMQ says no with, if it does. */
async function refusalOf(work: Promise<void>): Promise<{ code: number; error: unknown } | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code !== 'number') throw error;
    return { code, error };
  }
}

function tokenOf({ op, args }: StoredOperation): string {
  const at = { completed: 2, failed: 2, delayed: 2, retry: 1, waiting: 0 }[op] ?? 0;
  return String((args as Args)[at]);
}

async function reportWith(backend: IQueueBackend, entry: StoredOperation, token: string): Promise<void> {
  const id = entry.job ?? '';
  const args = entry.args as Args;
  const job = { id, opts: args[3] ?? {} } as MinimalJob;
  switch (entry.op) {
    case 'completed':
      await backend.moveToCompleted(job, args[0], keepOf(args), token, false);
      return;
    case 'failed': {
      const fields = (args[4] as Record<string, unknown> | null) ?? undefined;
      await backend.moveToFailed(job, String(args[0]), keepOf(args), token, false, fields);
      return;
    }
    case 'delayed':
      await backend.moveToDelayed(id, Number(args[0]), Number(args[1]), token, (args[3] ?? {}) as never);
      return;
    case 'retry':
      return backend.retryJob(id, args[0] === true, token, (args[2] ?? {}) as never);
    default:
      await backend.moveJobFromActiveToWait(id, token);
  }
}

/** How long to keep the finished job; JSON has no undefined, and BullMQ takes null for an object. */
function keepOf(args: Args): KeepJobs {
  return (args[1] ?? undefined) as KeepJobs;
}

/** Children whose parent lives on the primary, or did. */
async function addLater(
  { maintenance }: Controller,
  backend: IQueueBackend,
  given: readonly AddEntry[],
): Promise<void> {
  const entries = await withLivingParents(maintenance, given);
  if (entries[0]?.flow !== undefined) {
    for (const [error, answer] of await backend.addFlow(flowEntries(entries))) {
      if (error !== null) throw error;
      refuseCode(answer);
    }
    return;
  }
  const jobs = entries.map(({ job, id, parentKeyOpts }) => ({ job, jobId: id, parentKeyOpts }));
  for (const answer of await backend.addJobs(jobs)) refuseCode(answer);
}

/** In a transaction BullMQ answers a refusal as a number in the id's place, and throws nothing. */
function refuseCode(answer: string | number): void {
  if (typeof answer === 'number' && answer < 0) throw new Error(`BullMQ refuses to add it: ${answer}`);
}
