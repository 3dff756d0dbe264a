import { classifyFailure, isAvailabilityFailure } from '../../redis/index.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Controller } from './controller.ts';
import { LATE } from './deadline.ts';
import type { Facts, Health } from './primary/primary.ts';
import { addAgain } from './recovery.ts';
import type { Loss } from './status.ts';

/** Tells one life of the primary from the next. */
type Life = { sentinel?: string; runId?: string; isToBeLookedAt?: true };

const LEASE_MS = 10_000;
/** How often the primary's jobs are counted, so that a loss can be told in numbers. In ms. */
const COUNT_MS = 2_000;
/** After a restart with its data only writes of its last moments can be missing; older copies were looked at before. In ms. */
const LAST_MOMENTS_MS = 15_000;
/** So long after a loss, refused reports are put down to it. In ms. */
const AFTERMATH_MS = 120_000;

/**
 * Notices that the primary has lost its data: the key we left there is gone, or the server is another one and its latest
 * writes are missing. Adds again what the journal has copies of; counts and reports the rest.
 */
export class LossWatch {
  readonly #controller: Controller;
  readonly #clock: Clock;
  readonly #processId: string;
  #known: Life | undefined;
  #counted = new Map<string, number>();
  #schedulers = 0;
  #countedAt = Number.NEGATIVE_INFINITY;
  #aliveAt = Number.NEGATIVE_INFINITY;
  #happenedAt = Number.NEGATIVE_INFINITY;

  constructor(controller: Controller, clock: Clock, processId: string) {
    this.#controller = controller;
    this.#clock = clock;
    this.#processId = processId;
  }

  /** Unfinished jobs on the primary when they were last counted. */
  get lastCount(): number {
    return [...this.#counted.values()].reduce((sum, count) => sum + count, 0);
  }

  get happenedRecently(): boolean {
    return this.#clock.monotonic() - this.#happenedAt < AFTERMATH_MS;
  }

  /** Asks the primary now, because a call of it is explained by a loss alone. */
  async isThere(): Promise<boolean> {
    if (this.happenedRecently) return true;
    // Twice, because the first answer may be that of a probe which was under way, and older than what is known.
    for (let asked = 0; asked < 2; asked++) {
      const health = await this.#controller.maintenance.check();
      const known = this.#known;
      if (!health.ok || known === undefined || !isAnother(known, health.facts)) return this.happenedRecently;
    }
    this.#happenedAt = this.#clock.monotonic();
    return true;
  }

  /**
   * Looks at what a good probe found, until what was lost and has a copy is there again. That may take long, or hang with the
   * primary, so it is probed all the while; a probe that fails ends what hangs. Answers the latest probe.
   */
  async lookAfter(probe: Health): Promise<Health> {
    if (!probe.ok) return probe;
    const { deadlines, maintenance, primaryMs } = this.#controller;
    const looked = this.#lookOnce(probe.facts);
    let latest: Health = probe;
    while ((await deadlines.bound(looked, primaryMs)) === LATE) latest = await maintenance.check();
    return latest;
  }

  async #lookOnce(facts: Facts): Promise<void> {
    try {
      await this.#look(facts);
    } catch (error) {
      // The next probe finds it again; that the primary is away is told as such.
      if (isAvailabilityFailure(classifyFailure(error))) return;
      this.#controller.emit('trouble', error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #look(facts: Facts): Promise<void> {
    let { sentinel, runId } = facts;
    let sawIt = false;
    if (sentinel === undefined) return;
    const { ledger, maintenance, identity } = this.#controller;
    if (this.#known === undefined || this.#known.sentinel !== sentinel || this.#known.runId !== runId) {
      // Another process of the machine may have seen it, and mended it.
      const stored = (await ledger.getFact(identity, 'life')) as Life | undefined;
      sawIt = this.#known !== undefined && stored !== undefined && isAnother(this.#known, stored);
      if (sawIt) this.#happenedAt = this.#clock.monotonic();
      if (stored !== undefined) this.#known = { ...this.#known, ...stored };
      // What another process has stored may be newer than the probe: at the start, the first key of ours.
      const latest = stored !== undefined && isAnother(stored, facts) ? await maintenance.check() : undefined;
      if (latest?.ok === false) return;
      if (latest?.facts.sentinel !== undefined) ({ sentinel, runId } = latest.facts);
    }
    const known = this.#known;
    // Without a key of ours known to have been there, an empty primary is a new one, or was lost before its first probe:
    // what the journal has tells.
    const isNew = known?.sentinel === undefined;
    const emptied = isNew ? sentinel === null || known?.isToBeLookedAt === true : known.sentinel !== sentinel;
    const restarted = known?.runId !== undefined && runId !== undefined && runId !== known.runId;
    if (emptied || restarted) {
      // Also where another process makes it good: what this one has at work may run again there.
      if (!isNew) this.#happenedAt = this.#clock.monotonic();
      if (!(await ledger.lease('loss', this.#processId, LEASE_MS))) return;
    }
    let stands: string | undefined;
    try {
      // A new life is not known until it is looked at: who ends before is followed by another.
      if (isNew && (emptied || restarted)) await ledger.setFact(identity, 'life', { isToBeLookedAt: true });
      // Before the jobs are looked for: what is lost while that goes on is found by the next probe.
      stands = sentinel ?? (await maintenance.leaveSentinel(`${this.#processId}-${this.#clock.now()}`));
      if (emptied) await this.#recover('emptied', 0, isNew);
      else if (restarted) await this.#recover('rolled-back', this.#aliveAt - LAST_MOMENTS_MS, isNew);
      // Who made it good could not see copies that this process was still writing then.
      if (sawIt && !emptied && !restarted) await this.#addLate();
      if (known?.sentinel !== stands || known?.runId !== runId) {
        await ledger.setFact(identity, 'life', life(stands, runId));
      }
    } finally {
      // Also where it failed: another need not wait to try.
      if (emptied || restarted) await ledger.releaseLease('loss', this.#processId);
    }
    this.#known = life(stands, runId);
    this.#aliveAt = this.#clock.now();
    await this.#count();
  }

  /** Adds again what was on its way to the primary when that lost its data, and has a copy since. */
  async #addLate(): Promise<void> {
    const { journal, options, statistics } = this.#controller;
    if (journal === undefined) return;
    await journal.flushed();
    const span = { end: await journal.settledEnd(), since: this.#aliveAt - options.deadlineMs };
    statistics.recovered += await addAgain(this.#controller, span, async () => undefined);
  }

  /** Adds again the journal's jobs that are missing. */
  async #recover(kind: Loss['kind'], since: number, isNew: boolean): Promise<void> {
    const { ledger, journal, options, statistics } = this.#controller;
    // What has just finished here is not to run again.
    await journal?.flushed();
    let recovered = 0;
    if (journal !== undefined) {
      // What comes later goes to the primary as it is now, and may come faster than it can be looked at.
      const end = await journal.settledEnd();
      const renew = () => ledger.lease('loss', this.#processId, LEASE_MS);
      recovered = await addAgain(this.#controller, { end, since }, renew);
    }
    const lost = kind === 'rolled-back' ? 0 : this.#lostOf(this.lastCount - recovered);
    if (recovered === 0 && (kind === 'rolled-back' || isNew)) return;
    this.#happenedAt = this.#clock.monotonic();
    this.#counted.clear();
    statistics.recovered += recovered;
    statistics.lost += lost;
    this.#controller.emit('loss', { kind, recovered, lost, journal: options.journal });
  }

  /**
   * How many of the jobs that were counted and are not in the journal are lost. A complete journal has all of this
   * machine's but for these; others add their own again, and the count may be of some moments ago.
   */
  #lostOf(missing: number): number {
    const { options, statistics } = this.#controller;
    const withoutCopy = statistics.withoutCopy + this.#schedulers;
    return Math.max(0, options.journal === 'until-completed' ? Math.min(missing, withoutCopy) : missing);
  }

  /** Without a journal, the last count is all that tells how much a loss took. */
  async #count(): Promise<void> {
    const now = this.#clock.monotonic();
    if (now - this.#countedAt < COUNT_MS || !this.#controller.usesPrimary) return;
    this.#countedAt = now;
    let schedulers = 0;
    for (const queue of this.#controller.queues) {
      const backend = this.#controller.maintenance.queue(queue);
      const counts = await backend.getCounts([
        'wait',
        'active',
        'delayed',
        'prioritized',
        'waiting-children',
      ]);
      schedulers += await backend.getJobSchedulersCount();
      this.#counted.set(
        queue,
        counts.reduce((sum, count) => sum + count, 0),
      );
    }
    this.#schedulers = schedulers;
  }
}

/** Whether it is not the life of before, as far as both are known. */
function isAnother(known: Life, now: Facts): boolean {
  const isOther = (before: string | undefined, after: string | null | undefined) =>
    before !== undefined && after !== undefined && before !== after;
  return isOther(known.sentinel, now.sentinel) || isOther(known.runId, now.runId);
}

function life(sentinel: string | undefined, runId: string | undefined): Life {
  return { ...(sentinel === undefined ? {} : { sentinel }), ...(runId === undefined ? {} : { runId }) };
}
