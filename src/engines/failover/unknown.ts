import { wasNotApplied } from '../../redis/index.ts';
import type { Clock } from '../../shared/clock.ts';
import { isYounger } from './age.ts';
import type { Failed } from './backend/core.ts';
import type { Controller } from './controller.ts';
import { type AddEntry, flowEntries, splitQueue } from './entries.ts';
import type { StoredOperation } from './ledger/index.ts';

/** So long an add of unknown outcome is held back while the primary is away, in ms. */
const HOLD_MS = 3_000;
/** So long its answer may still come while the primary is in use, in ms. */
const YOUNG_MS = 1_000;
const PAGE = 200;

/** The ledger's name for a held add. */
export const HELD = 'unknownAdd';

/**
 * Adds that may have been carried out, or may still be: the call timed out, or its connection was lost. Given to the
 * standby at once, such a job would run there and a moment later again on a primary that had only stalled. So it is held
 * back, on disk and hence acknowledged, until one of these comes:
 *
 * - the answer, late: the primary has it, unless another server may have taken its place in between;
 * - the return of the primary: it is added there under its own id, which adds nothing if it is there;
 * - the end of its time while the primary stays away: the standby runs it, and on return its twin, if there is one, is
 *   ended with it (reconcile.ts).
 */
export class UnknownAdds {
  readonly #controller: Controller;
  readonly #clock: Clock;

  constructor(controller: Controller, clock: Clock) {
    this.#controller = controller;
    this.#clock = clock;
  }

  /** Durable when it resolves. */
  async hold(entries: readonly AddEntry[], { failure, late }: Failed<unknown>): Promise<void> {
    const [first] = entries;
    if (first === undefined) return;
    const { ledger, statistics, failsOver, epoch, state } = this.#controller;
    const json = JSON.parse(JSON.stringify([entries])) as StoredOperation['args'];
    const seq = await ledger.defer({ queue: first.queue, job: null, op: HELD, args: json });
    statistics.unknown += entries.length;
    this.#controller.emit('unknown', { queue: first.queue, jobs: entries.length, failure });
    if (late === undefined) return;
    late.then(
      () => {
        // A server whose place another has taken meanwhile answers, too, when it goes on, and what it took is gone.
        const isTheSame = state !== 'standby' && epoch === this.#controller.epoch;
        if (isTheSame || !failsOver) this.#controller.own(ledger.settleDeferred([seq]));
      },
      error => {
        if (wasNotApplied(error)) this.#controller.own(this.#release({ seq, entries }));
      },
    );
  }

  /** Whether its answer may still come. */
  isYoung(entry: StoredOperation): boolean {
    return entry.op === HELD && isYounger(entry, YOUNG_MS, this.#clock);
  }

  /** The primary stays away: those whose time is over go to the standby. One process does it for all. */
  async releaseOld(): Promise<void> {
    const { ledger } = this.#controller;
    let after = 0;
    for (;;) {
      const page = await ledger.deferredPage(after, PAGE);
      for (const entry of page) {
        after = entry.seq;
        if (entry.op !== HELD || isYounger(entry, HOLD_MS, this.#clock)) continue;
        await this.release(entry);
      }
      if (page.length < PAGE) return;
    }
  }

  /** The standby takes a held add. */
  release({ seq, args }: Pick<StoredOperation, 'seq' | 'args'>): Promise<void> {
    const [entries] = args as unknown as [AddEntry[]];
    return this.#release({ seq, entries });
  }

  /** In one turn, hence in one transaction: it is held, or it is marked and on the standby. */
  async #release({ seq, entries }: { seq: number; entries: readonly AddEntry[] }): Promise<void> {
    const { ledger, standby } = this.#controller;
    const { queue, flow } = entries[0]!;
    const { prefix, name } = splitQueue(queue);
    const backend = standby.forQueue(name, prefix);
    const marked = entries.map(entry => ledger.markUnknown(entry.queue, entry.id));
    const added =
      flow === undefined
        ? entries.map(({ job, id, parentKeyOpts }) => backend.addJob(job, id, parentKeyOpts))
        : [backend.addFlow(flowEntries(entries))];
    await Promise.all([...marked, ...added, ledger.settleDeferred([seq])]);
    for (const entry of entries) this.#controller.noteSpill(entry.queue, 1);
  }
}
