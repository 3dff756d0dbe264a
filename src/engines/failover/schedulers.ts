import type { IQueueBackend } from 'bullmq';
import type { Controller } from './controller.ts';

/** A run of a scheduler of the primary, from which the others can be counted. */
interface KnownRun {
  every: number;
  /** When it was due, ms since 1970. */
  at: number;
}

type Added = [jobId: string, delay: number];

/**
 * Keeps in mind when a scheduler with `every` runs on the primary: the same program, started anew during an outage, sets it
 * again, and would begin with a run at once where Redis goes on with the next.
 */
export function rememberRun(
  controller: Controller,
  queue: string,
  id: string,
  every: number | undefined,
  jobId: string,
): void {
  const at = Number(jobId.slice(jobId.lastIndexOf(':') + 1));
  const run = every === undefined || !Number.isFinite(at) ? null : { every, at };
  controller.own(controller.ledger.setFact(controller.identity, factOf(queue, id), run));
}

/** It is gone from the primary. */
export function forgetRuns(controller: Controller, queue: string, id: string): void {
  controller.own(controller.ledger.setFact(controller.identity, factOf(queue, id), null));
}

/** Sets a scheduler on the standby; one that is known to run on the primary goes on from there. */
export async function addOnStandby(
  { ledger, identity, clock }: Controller,
  standby: IQueueBackend,
  queue: string,
  id: string,
  add: (backend: IQueueBackend) => Promise<Added>,
): Promise<Added> {
  const known = (await ledger.getFact(identity, factOf(queue, id))) as KnownRun | null | undefined;
  if (!known) return add(standby);
  const { every, at } = known;
  const last = at + Math.floor((clock.now() - at) / every) * every;
  // In one turn, hence in one transaction.
  const planted = ledger.plantScheduler(queue, id, every, last);
  const [, added] = await Promise.all([planted, add(standby)]);
  return added;
}

function factOf(queue: string, id: string): string {
  return `scheduler ${queue} ${id}`;
}
