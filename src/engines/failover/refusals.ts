import { ON_STANDBY } from './claims.ts';
import type { Controller } from './controller.ts';

/** With this token BullMQ's scripts don't look at the lock. */
export const ANY_LOCK = '0';
/** BullMQ's refusals of a report: the job is gone, has no lock, is not active, is locked by another. */
export const GONE = -1;
export const NO_LOCK = -2;
export const NOT_ACTIVE = -3;
export const OTHER_LOCK = -6;
/** Its refusal to remove what a scheduler has planned. */
export const OF_A_SCHEDULER = -8;
/** Its refusal to complete a parent with a failed child, which a worker that is told so reports as a failure. */
export const FAILED_CHILD = -9;
/** What removing a job answers when somebody works on it, and when it is done. */
export const LOCKED = 0;
export const REMOVED = 1;

const EXPLAINED_BY_FAULT: readonly number[] = [GONE, NO_LOCK, NOT_ACTIVE, OTHER_LOCK];

/** Whether a refused report is the doing of a fault, so that the report is kept instead of the job failed. */
export async function isFaultsDoing(
  controller: Controller,
  queue: string,
  id: string,
  refusal: unknown,
): Promise<boolean> {
  const { code } = refusal as { code?: unknown };
  if (typeof code !== 'number' || !EXPLAINED_BY_FAULT.includes(code)) return false;
  const claimed = controller.claims.of(queue).get(id);
  if (controller.hasLivedThroughOutage(claimed)) return true;
  // Others may have seen a loss, and made it good, before this process's next probe.
  if (claimed !== undefined && claimed !== ON_STANDBY && (await controller.loss.isThere())) return true;
  return code === GONE && controller.journal !== undefined && (await controller.ledger.journalHas(queue, id));
}
