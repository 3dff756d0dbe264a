import type { IQueueBackend, KeepJobs, MinimalJob } from 'bullmq';
import type { Controller } from './controller.ts';
import { splitQueue } from './entries.ts';
import type { Json, Outcome, UnknownJob } from './ledger/index.ts';
import { ANY_LOCK, OF_A_SCHEDULER, REMOVED } from './refusals.ts';

const PAGE = 200;

/**
 * Adds whose outcome was unknown have a copy on the standby and may have a twin on the primary: makes one job of the two.
 * Answers false when it had to stop.
 */
export async function reconcile(
  controller: Controller,
  mayGoOn: () => boolean,
  renew: () => Promise<boolean>,
): Promise<boolean> {
  for (;;) {
    const page = await controller.ledger.unknownPage(undefined, PAGE);
    if (page.length === 0) return true;
    for (const add of page) {
      if (!mayGoOn() || !(await settle(controller, add, mayGoOn))) return false;
      await controller.ledger.settleUnknown([add]);
    }
    if (!(await renew())) return false;
  }
}

async function settle(controller: Controller, add: UnknownJob, mayGoOn: () => boolean): Promise<boolean> {
  const { queue, job } = add;
  const backend = controller.maintenance.queue(queue);
  const there = await backend.getState(job);
  // The answer may have taken long, and things gone on meanwhile: what follows looks at how they stand now.
  if (!mayGoOn()) return false;
  // It was never carried out; the standby's copy is the job, and goes the way of all the others there.
  if (there === 'unknown') return true;
  const copy = await stateOfCopy(controller, add);
  if (copy === 'gone') return true;
  if (copy === 'runs') {
    // Its worker goes on, and the standby keeps it; the twin must not be started.
    if (there === 'active') countDuplicate(controller, add);
    else if (there !== 'completed' && there !== 'failed') await backend.remove(job, false);
    return true;
  }
  if (copy !== 'waits' && !(await endTwin(controller, add, there, copy))) return true;
  // The one on the primary is the job from now on.
  const { prefix, name } = splitQueue(queue);
  try {
    await controller.standby.forQueue(name, prefix).remove(job, true);
  } catch (error) {
    // It goes with the scheduler that has planned it.
    if ((error as { code?: unknown }).code !== OF_A_SCHEDULER) throw error;
  }
  return true;
}

/** The copy has run: so has its twin, then. False: that is gone, and the copy stands for the job. */
async function endTwin(
  controller: Controller,
  add: UnknownJob,
  there: string,
  outcome: Outcome,
): Promise<boolean> {
  const { queue, job } = add;
  const backend = controller.maintenance.queue(queue);
  const isOver = there === 'completed' || there === 'failed';
  if (isOver || there === 'active') {
    // What no worker has ever had was taken up, or ended, by an earlier return that died before it could say so here.
    if ((await backend.getJobData(job))?.processedOn) countDuplicate(controller, add);
    else if (!isOver) await finishTwin(backend, job, outcome);
    return true;
  }
  if (await controller.maintenance.reclaim(queue, job)) await finishTwin(backend, job, outcome);
  // A primary that can't be told how it ended.
  else if ((await backend.remove(job, false)) === REMOVED) return false;
  else countDuplicate(controller, add);
  return true;
}

function countDuplicate(controller: Controller, { queue, job }: UnknownJob): void {
  controller.countDuplicate(queue, job, 'it ran on the standby and on the primary');
}

async function finishTwin(backend: IQueueBackend, job: string, { outcome, value }: Outcome): Promise<void> {
  const twin = { id: job, opts: {} } as MinimalJob;
  const keep = undefined as unknown as KeepJobs;
  if (outcome === 'completed') await backend.moveToCompleted(twin, value, keep, ANY_LOCK, false);
  else await backend.moveToFailed(twin, String(value), keep, ANY_LOCK, false);
}

/** What has become of the copy on the standby: its outcome when it has finished. */
async function stateOfCopy(
  controller: Controller,
  { queue, job }: UnknownJob,
): Promise<'waits' | 'runs' | 'gone' | Outcome> {
  const { prefix, name } = splitQueue(queue);
  const standby = controller.standby.forQueue(name, prefix);
  // Looked at in this order: a copy that finishes in between is seen as finished.
  const state = await standby.getState(job);
  if (state === 'active') return 'runs';
  const marked = await controller.ledger.unknownOf(queue, job);
  if (marked?.done !== undefined) return marked.done;
  if (state === 'completed') {
    return { outcome: 'completed', value: await returnValue(standby, job) };
  }
  if (state === 'failed') {
    return { outcome: 'failed', value: (await standby.getJobData(job))?.failedReason ?? '' };
  }
  return state === 'unknown' ? 'gone' : 'waits';
}

async function returnValue(standby: IQueueBackend, job: string): Promise<Json> {
  const text = (await standby.getJobData(job))?.returnvalue as string | undefined;
  return text === undefined ? null : (JSON.parse(text) as Json);
}
