import { classifyFailure, isAvailabilityFailure } from '../../redis/index.ts';
import type { Controller } from './controller.ts';
import type { DeferredEntry } from './controller-parts.ts';
import { deliverOne } from './deliver.ts';
import type { Json, StoredOperation } from './ledger/index.ts';

/** For so long only the disk is waited for, in ms: then it is slow or out, and the primary was tried a while ago. */
const DISK_FIRST_MS = 200;

/**
 * Keeps what a worker has to report of a job that lives on the primary, durably. While the standby's disk takes nothing, or
 * nothing so large, it waits for the disk or the primary, whichever is back first: with the primary it is delivered at once.
 */
export async function keepReport(controller: Controller, entry: DeferredEntry): Promise<void> {
  const { ledger, clock, statistics } = controller;
  const operation = { ...entry, args: entry.args as Json[] };
  const at = clock.now();
  for (;;) {
    let isWanted = true;
    const kept = ledger.defer(operation, () => isWanted).then(() => true);
    const isKept = await orPrimary(controller, kept);
    // What is written after all, because it was on its way, finds the job as after a call without an answer.
    isWanted = false;
    // Never stored, hence no number.
    if (isKept || (await delivered(controller, { ...operation, seq: 0, at }))) break;
  }
  statistics.reportsKept += 1;
  controller.noteDeferred();
}

async function delivered(controller: Controller, entry: StoredOperation): Promise<boolean> {
  try {
    return await deliverOne(controller, entry);
  } catch (error) {
    if (!isAvailabilityFailure(classifyFailure(error))) throw error;
    controller.connectionFailed(error);
    return false;
  }
}

/** What the disk answers, or false when it did not in time and the primary is in use. */
async function orPrimary(controller: Controller, kept: Promise<boolean>): Promise<boolean> {
  let stop = () => {};
  const inUse = new Promise<false>(resolve => {
    const look = () => {
      if (controller.usesPrimary) resolve(false);
    };
    const timer = setTimeout(() => {
      look();
      stop = controller.onChange(look);
    }, DISK_FIRST_MS);
    stop = () => clearTimeout(timer);
  });
  try {
    return await Promise.race([kept, inUse]);
  } finally {
    stop();
  }
}
