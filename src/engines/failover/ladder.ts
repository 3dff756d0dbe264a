import { SpillwayError } from '../../shared/errors.ts';
import type { Controller } from './controller.ts';
import { type AddEntry, splitQueue } from './entries.ts';
import type { InlineHandler } from './options.ts';
import { isStandbyTrouble } from './standby-watch.ts';
import type { Rung } from './status.ts';

/** By queue name, what may run inside `add`. */
type Handlers = Readonly<Record<string, InlineHandler>>;

/**
 * The rungs below the primary: the standby; running the job inside `add`, for queues that allow it; refusing it. Nothing is
 * acknowledged on a rung that can't keep it.
 */
export class Ladder {
  readonly #controller: Controller;
  #rung: Exclude<Rung, 'primary'> = 'standby';

  constructor(controller: Controller) {
    this.#controller = controller;
  }

  /** Which rung took, or did not take, the last job that came here; a standby that is known to be out takes none. */
  get rung(): Exclude<Rung, 'primary'> {
    const isOut = this.#controller.standbyWatch.trouble !== undefined;
    return isOut && this.#rung === 'standby' ? 'refusing' : this.#rung;
  }

  /** The standby has taken a job. */
  standbyWorks(): void {
    this.#stepTo('standby', 'the standby file takes jobs');
  }

  /** The standby has not: runs the jobs now, or refuses them all.
   * @throws SpillwayError SPILLWAY_UNAVAILABLE with `details.retryAfter`; the given error when it is about the job itself;
   *   what a handler throws.
   */
  async descend(entries: readonly AddEntry[], error: unknown, inline: Handlers): Promise<string[]> {
    if (!isStandbyTrouble(error)) throw error;
    this.#controller.standbyWatch.suspect();
    const handlers = entries.map(({ queue }) => handlerOf(inline, queue));
    if (handlers.includes(undefined)) {
      this.#stepTo('refusing', error.message);
      const { retryAfterMs, target } = this.#controller;
      const retryAfter = Math.ceil(retryAfterMs / 1000);
      throw new SpillwayError(
        'SPILLWAY_UNAVAILABLE',
        `Neither ${target} nor the standby file can take the job now (${error.code}); it was not accepted. Try again in ${retryAfter} s.`,
        { cause: error, details: { retryAfterMs, retryAfter } },
      );
    }
    this.#stepTo('inline', error.message);
    for (const [index, { id, job }] of entries.entries()) {
      await handlers[index]?.({ id, name: job.name, data: JSON.parse(job.data) as unknown, opts: job.opts });
      this.#controller.statistics.ranInline += 1;
    }
    return entries.map(({ id }) => id);
  }

  #stepTo(rung: Exclude<Rung, 'primary'>, reason: string): void {
    if (rung === this.#rung) return;
    this.#rung = rung;
    this.#controller.emit('rung', { rung, reason });
  }
}

function handlerOf(inline: Handlers, queue: string): InlineHandler | undefined {
  const { name } = splitQueue(queue);
  return Object.hasOwn(inline, name) ? inline[name] : undefined;
}
