import type { Controller } from './controller.ts';

/**
 * Claims whose answers never came may have been carried out: such a job is active with a lock of ours and nobody works on
 * it. It goes back to the front of its queue now instead of when its lock runs out.
 */
export async function giveBackClaims(controller: Controller): Promise<void> {
  for (const [queue, tokens] of controller.claims.abandoned) {
    const looked = new Set(tokens);
    const claimed = await controller.maintenance.claimedWith(queue, looked);
    for (const { id, token } of claimed) {
      try {
        await controller.maintenance.queue(queue).moveJobFromActiveToWait(id, token);
      } catch (error) {
        // A refusal: its lock has run out meanwhile, and the stalled check has it, or will.
        if (typeof (error as { code?: unknown }).code !== 'number') throw error;
      }
    }
    for (const token of looked) tokens.delete(token);
  }
}
