import { isSpillwayError, SpillwayError } from '../../shared/errors.ts';
import type { Controller } from './controller.ts';
import { type AddEntry, splitQueue } from './entries.ts';

/** The standby's troubles, as opposed to errors about the job. */
const STANDBY_TROUBLES = /^SPILLWAY_SQLITE_/;

/**
 * The rungs below the standby: run the job now, if its queue allows it, else refuse it. Nothing is acknowledged that nothing
 * keeps.
 * @throws SpillwayError SPILLWAY_UNAVAILABLE with `details.retryAfterMs`; the given error when it is about the job itself.
 */
export async function refuseOrRunInline(
  controller: Controller,
  entries: readonly AddEntry[],
  error: unknown,
): Promise<string[]> {
  if (!isSpillwayError(error) || !STANDBY_TROUBLES.test(error.code)) throw error;
  controller.statistics.standbyFails = true;
  const handlers = entries.map(({ queue }) => controller.options.inline[splitQueue(queue).name]);
  if (handlers.some(handler => handler === undefined)) {
    const { retryAfterMs } = controller;
    throw new SpillwayError(
      'SPILLWAY_UNAVAILABLE',
      `Neither ${controller.target} nor the standby file can take the job now (${error.code}); it was not accepted. Try again in ${Math.ceil(retryAfterMs / 1000)} s.`,
      { cause: error, details: { retryAfterMs, retryAfter: Math.ceil(retryAfterMs / 1000) } },
    );
  }
  for (const [index, { id, job }] of entries.entries()) {
    await handlers[index]!({ id, name: job.name, data: JSON.parse(job.data) as unknown, opts: job.opts });
    controller.statistics.ranInline += 1;
  }
  return entries.map(({ id }) => id);
}
