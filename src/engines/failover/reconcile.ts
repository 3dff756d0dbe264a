import type { IQueueBackend, MinimalJob } from 'bullmq';
import type { Controller } from './controller.ts';
import { splitQueue } from './entries.ts';
import type { Json, Outcome, UnknownJob } from './ledger/index.ts';

const PAGE = 200;
const ANY_LOCK = '0';

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
  if (copy === 'waits') {
    // The twin on the primary is the job from now on.
    const { prefix, name } = splitQueue(queue);
    await controller.standby.forQueue(name, prefix).remove(job, true);
  } else if (copy === 'gone') {
    return true;
  } else if (there === 'completed' || there === 'failed' || there === 'active') {
    controller.statistics.duplicates += 1;
    controller.emit('duplicate', { queue, job, how: 'it ran on the standby and on the primary' });
  } else if (copy === 'runs') {
    await backend.remove(job, false);
  } else if (await controller.maintenance.reclaim(queue, job)) {
    const opts = { id: job, opts: {} } as MinimalJob;
    const { outcome, value } = copy;
    if (outcome === 'completed') {
      await backend.moveToCompleted(opts, value, undefined as never, ANY_LOCK, false);
    } else await backend.moveToFailed(opts, String(value), undefined as never, ANY_LOCK, false);
  }
  return true;
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
