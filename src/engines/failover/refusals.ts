import { ON_STANDBY } from './claims.ts';
import type { Controller } from './controller.ts';

/** Codes of BullMQ's refusals that a fault explains: no such job, no lock, not active, another's lock. */
const EXPLAINED_BY_FAULT: readonly number[] = [-1, -2, -3, -6];

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
  return code === -1 && controller.journal !== undefined && (await controller.ledger.journalHas(queue, id));
}
