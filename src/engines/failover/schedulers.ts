import type { IQueueBackend } from 'bullmq';
import type { Controller } from './controller.ts';
import type { Ledger } from './ledger/index.ts';

/**
 * Workers wait so many looks at most until no scheduler is left on the standby. One stays there for a moment while the run it
 * has planned has been claimed and the next is not planned yet; let in now, they would run what Redis had planned long ago.
 * It stays for longer where it is at its limit, where a worker died just then, or where the primary refuses it. Not once they are in.
 */
export const LOOKS_FOR_SCHEDULERS = 20;

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

/** Whether the standby has any. */
export async function holdsSchedulers(ledger: Ledger): Promise<boolean> {
  const queues = await ledger.standby(jobs => jobs.counts());
  return queues.some(({ schedulers }) => schedulers > 0);
}

function factOf(queue: string, id: string): string {
  return `scheduler ${queue} ${id}`;
}
