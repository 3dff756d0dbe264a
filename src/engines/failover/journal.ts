import type { Clock } from '../../shared/clock.ts';
import type { Outcome } from './backend/core.ts';
import type { Controller } from './controller.ts';
import type { AddEntry } from './entries.ts';
import type { JournalMode } from './options.ts';
import type { Facts } from './primary/primary.ts';
import { unlessOut } from './standby-watch.ts';

/** A job as it was added, and when (ms since 1970). */
export interface JournalCopy extends AddEntry {
  at: number;
}

/** Copies younger than this are not looked at by the sweep: their jobs may be on their way. In ms. */
const SETTLE_MS = 5_000;
/** How often copies whose jobs others have finished are swept, in ms. */
const SWEEP_MS = 5_000;
const PAGE = 500;

/**
 * Copies of the jobs on the primary, in the standby's file: written before an add is acknowledged, dropped when the job is
 * finished (or, with `until-persisted`, on the primary's disk).
 */
export class Journal {
  readonly #controller: Controller;
  readonly #mode: JournalMode;
  readonly #clock: Clock;
  readonly #underWay = new Set<Promise<unknown>>();
  #finished = new Map<string, string[]>();
  #flushing: Promise<void> | undefined;
  #sweeping = false;
  #lastSweep: number;

  constructor(controller: Controller, mode: JournalMode, clock: Clock) {
    this.#controller = controller;
    this.#mode = mode;
    this.#clock = clock;
    this.#lastSweep = clock.monotonic();
  }

  /** Adds jobs to the primary while copies of them are made; of those it did not take none is left. */
  during<T>(entries: readonly AddEntry[], add: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    const work = this.#during(entries, add);
    const ended: Promise<unknown> = work
      .catch(() => undefined)
      .finally(() => {
        this.#underWay.delete(ended);
      });
    this.#underWay.add(ended);
    return work;
  }

  async #during<T>(entries: readonly AddEntry[], add: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    const kept = this.#keep(entries);
    try {
      const [outcome] = await Promise.all([add(), kept]);
      // On the standby they are on disk anyway.
      if (!outcome.ok) await this.#drop(entries);
      return outcome;
    } catch (refusal) {
      await kept;
      await this.#drop(entries);
      throw refusal;
    }
  }

  /** The newest row, when no job up to there is on its way any more: it would look like one that the primary has lost. */
  async settledEnd(): Promise<number> {
    // What was added before the loss may have its copy only now.
    await Promise.all(this.#underWay);
    const end = await this.#controller.ledger.journalEnd();
    await Promise.all(this.#underWay);
    return end;
  }

  /**
   * Durable when it resolves, unless the standby's file takes no writes in time: then the primary alone keeps the jobs,
   * which is counted, and told as the standby's trouble.
   */
  async #keep(entries: readonly AddEntry[]): Promise<void> {
    const { ledger, deadlines, options, statistics, standbyWatch } = this.#controller;
    const copied = ledger.journalAdd(
      entries.map(entry => {
        const copy: JournalCopy = { at: this.#clock.now(), ...entry };
        return { queue: entry.queue, job: entry.id, json: JSON.stringify(copy) };
      }),
    );
    const done = copied.then(() => true);
    if ((await deadlines.bound(unlessOut(done, false), options.deadlineMs)) === true) return;
    statistics.withoutCopy += entries.length;
    standbyWatch.suspect();
  }

  async #drop(entries: readonly AddEntry[]): Promise<void> {
    const { ledger } = this.#controller;
    await Promise.all(entries.map(({ queue, id }) => unlessOut(ledger.journalRemove(queue, [id]), 0)));
  }

  /** A job of this process is finished. Its copy goes with the next write; left by a crash, the sweep finds it. */
  finished(queue: string, id: string): void {
    const ids = this.#finished.get(queue);
    if (ids === undefined) this.#finished.set(queue, [id]);
    else ids.push(id);
    this.#flushing ??= this.#flush();
    this.#controller.own(this.#flushing);
  }

  async #flush(): Promise<void> {
    await this.#controller.pause(20);
    const finished = this.#finished;
    this.#finished = new Map();
    this.#flushing = undefined;
    // Those that stay because the file is out are swept when it is back.
    for (const [queue, ids] of finished) await this.#controller.ledger.journalRemove(queue, ids);
  }

  /** Called after each good probe. */
  tick(facts: Facts): void {
    if (this.#sweeping || this.#clock.monotonic() - this.#lastSweep < SWEEP_MS) return;
    this.#sweeping = true;
    this.#lastSweep = this.#clock.monotonic();
    this.#controller.own(
      this.#sweep(facts).finally(() => {
        this.#sweeping = false;
      }),
    );
  }

  /** Drops copies that are no longer needed: of jobs other machines have finished, or that are on the primary's disk. */
  async #sweep(facts: Facts): Promise<void> {
    const { ledger, maintenance } = this.#controller;
    const settled = this.#clock.now() - SETTLE_MS;
    let after = 0;
    for (;;) {
      const page = await ledger.journalPage(after, PAGE);
      const rows = page.map(({ row, queue, job, json }) => {
        return { row, queue, job, at: (JSON.parse(json) as JournalCopy).at };
      });
      const old = rows.filter(({ at }) => at < settled);
      const last = old.at(-1);
      if (last === undefined || !this.#controller.usesPrimary) return;
      after = last.row;
      for (const [queue, jobs] of byQueue(old)) {
        const done: string[] = [];
        if (this.#mode === 'until-persisted') {
          const { persistedUntil } = facts;
          if (persistedUntil === undefined) continue;
          done.push(...jobs.filter(({ at }) => at < persistedUntil).map(({ job }) => job));
        } else {
          const ids = jobs.map(({ job }) => job);
          const unfinished = await maintenance.unfinished(queue, ids);
          done.push(...ids.filter((_, index) => !unfinished[index]));
          // Not there any more may be finished, or lost a moment ago.
          if (done.length > 0 && !(await this.#isAsItWas(facts))) return;
        }
        if (done.length > 0) await ledger.journalRemove(queue, done);
      }
      if (old.length < rows.length || rows.length < PAGE) return;
    }
  }

  async #isAsItWas({ sentinel, runId }: Facts): Promise<boolean> {
    const now = await this.#controller.maintenance.check();
    return now.ok && now.facts.sentinel === sentinel && now.facts.runId === runId;
  }

  /** No copy is left of a job that had finished before. */
  async flushed(): Promise<void> {
    await this.#flushing;
  }
}

function byQueue<T extends { queue: string }>(rows: readonly T[]): Map<string, T[]> {
  const queues = new Map<string, T[]>();
  for (const row of rows) {
    const list = queues.get(row.queue);
    if (list === undefined) queues.set(row.queue, [row]);
    else list.push(row);
  }
  return queues;
}
