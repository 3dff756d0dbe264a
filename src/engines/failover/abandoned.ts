import type { Controller } from './controller.ts';
import { unlessOut } from './standby-watch.ts';

/** The ledger's name for the tokens of such claims, kept by a program that ends. */
export const ABANDONED = 'abandonedClaims';

/**
 * Claims whose answers never came may have been carried out: such a job is active with a lock of ours and nobody works on
 * it. It goes back to the front of its queue now instead of when its lock runs out.
 */
export async function giveBackClaims(controller: Controller): Promise<void> {
  for (const [queue, tokens] of controller.claims.abandoned) {
    if (tokens.size === 0) continue;
    const looked = new Set(tokens);
    await giveBackClaimedWith(controller, queue, looked);
    for (const token of looked) tokens.delete(token);
  }
}

export async function giveBackClaimedWith(
  controller: Controller,
  queue: string,
  tokens: ReadonlySet<string>,
): Promise<void> {
  const { maintenance, ledger, claims } = controller;
  for (const { id, token } of await maintenance.claimedWith(queue, tokens)) {
    // Its worker is done with it: what it had to report is kept, and finds it where it is.
    if ((await ledger.finishOf(queue, id)) !== undefined) continue;
    // A worker goes on with the same token: this one it has claimed since.
    if (claims.of(queue).has(id)) continue;
    try {
      await maintenance.queue(queue).moveJobFromActiveToWait(id, token);
    } catch (error) {
      // A refusal: its lock has run out meanwhile, and the stalled check has it, or will.
      if (typeof (error as { code?: unknown }).code !== 'number') throw error;
    }
  }
}

/** The program ends: whoever gives back next does it for this one. */
export async function keepAbandoned({ claims, ledger }: Controller): Promise<void> {
  for (const [queue, tokens] of claims.abandoned) {
    if (tokens.size === 0) continue;
    await unlessOut(ledger.defer({ queue, job: null, op: ABANDONED, args: [...tokens] }), 0);
  }
}
