import { randomBytes } from 'node:crypto';
import {
  type CompanionHandle,
  type EndingKey,
  type KeyPage,
  type KeyPlace,
  type MachineClock,
  machineClock,
  openCompanion,
  type SqliteConnectionOptions,
  type StandbyView,
  type TakenJob,
  type TakenUnit,
} from '../../sqlite/index.ts';
import {
  Deferred,
  type DeferredOperation,
  deferredSchema,
  isFinishing,
  type StoredOperation,
} from './deferred.ts';
import { Facts, factsSchema } from './facts.ts';
import { Journal, type JournalEntry, type JournalRow, journalSchema } from './journal.ts';
import { Leases, leaseSchema } from './lease.ts';
import { type Batch, Moving, movingSchema, nameOfUnit, type Places } from './moving.ts';
import { type Switch, Switches, type SwitchSetting, switchesInForce, switchesSchema } from './switches.ts';
import { type LedgerCounts, Tally, tallySchema } from './tally.ts';
import type { JobRef, Json, Prepare } from './types.ts';
import { type Outcome, Unknown, type UnknownJob, unknownSchema } from './unknown.ts';

const SCHEMA = [
  tallySchema,
  deferredSchema,
  unknownSchema,
  movingSchema,
  journalSchema,
  leaseSchema,
  switchesSchema,
  factsSchema,
].join('');

/** Longer lists go to the file in parts of so many rows, so that a large one doesn't hold the event loop. */
const PART = 500;
/** How long after another process's commit `onChange` is told at the latest, ms: a busy file commits all the time. */
const TELL_AFTER_MS = 100;

/** The ledger's tables inside a transaction. */
interface Tables {
  tally: Tally;
  deferred: Deferred;
  unknown: Unknown;
  journal: Journal;
  moving: Moving;
  leases: Leases;
  switches: Switches;
  facts: Facts;
}

/**
 * What the failover engine knows, kept in the standby's own file: one transaction and one fsync cover a job on the
 * standby and what is noted of it here. All calls of one turn of the event loop are one transaction, together with what
 * the standby's backends of this process do in it; each is durable before its promise resolves. They reject with the
 * SPILLWAY_SQLITE_ errors of the file, SPILLWAY_CLOSED after `close`.
 */
export class Ledger {
  readonly #handle: CompanionHandle<Tables>;
  readonly #clock: MachineClock;
  /** How far the drain of this process has come; never ahead of what is committed. */
  #places: Places = new Map();
  /** What the primary has refused, as far as this process knows. */
  readonly #stays = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #stopListening: (() => void) | undefined;
  #tellTimer: NodeJS.Timeout | undefined;

  private constructor(handle: CompanionHandle<Tables>, clock: MachineClock) {
    this.#handle = handle;
    this.#clock = clock;
  }

  /**
   * Opens the ledger in the standby's file, sharing this process's connection to it.
   * @param clock its `monotonic` must be one for all processes of the machine: leases end on it.
   */
  static open(options: SqliteConnectionOptions, clock: MachineClock = machineClock): Ledger {
    const statements = (prepare: Prepare): Tables => {
      const tally = new Tally(prepare);
      return {
        tally,
        deferred: new Deferred(prepare, tally),
        unknown: new Unknown(prepare, tally),
        journal: new Journal(prepare, tally),
        moving: new Moving(prepare, tally),
        leases: new Leases(prepare, clock),
        switches: new Switches(prepare, clock),
        facts: new Facts(prepare),
      };
    };
    return new Ledger(openCompanion(options, { schema: SCHEMA, statements }), clock);
  }

  /** Gives up the share in the file; calls under way settle still. */
  async close(): Promise<void> {
    this.#stopListening?.();
    this.#listeners.clear();
    clearTimeout(this.#tellTimer);
    await this.#handle.release();
  }

  /** A look at the standby's jobs. */
  standby<T>(look: (jobs: StandbyView) => T): Promise<T> {
    return this.#handle.read((_, jobs) => look(jobs));
  }

  /** How much it holds, at no cost that grows with it. */
  counts(): Promise<LedgerCounts> {
    return this.#handle.read(({ tally }) => tally.read());
  }

  // ---- deferred: for jobs that live on the primary while it is away, to be applied there in order

  /**
   * Stores an operation; returns its number. One that ends a worker's run (see DeferredOperation.op) waits for a full or
   * locked disk instead of failing: the job has run.
   * @param isWanted asked when it is written: whoever has waited may not need it any more (then it is 0).
   */
  defer(operation: DeferredOperation, isWanted: () => boolean = always): Promise<number> {
    const report = isFinishing(operation.op);
    return this.#handle.write(
      ({ deferred }) => (isWanted() ? deferred.add(operation, this.#clock.now()) : 0),
      { report },
    );
  }

  /** The next operations by number; begin with 0. */
  deferredPage(afterSeq: number, limit: number): Promise<StoredOperation[]> {
    return this.#handle.read(({ deferred }) => deferred.page(afterSeq, limit));
  }

  /** They were applied; returns how many were there still. */
  settleDeferred(seqs: readonly number[]): Promise<number> {
    return this.#inParts(seqs, part => this.#handle.write(({ deferred }) => deferred.drop(part)));
  }

  /** The operations on a queue as a whole are not wanted any more; returns how many there were. */
  dropDeferredOf(queue: string): Promise<number> {
    return this.#handle.write(({ deferred }) => deferred.dropOf(queue));
  }

  /** A job's receipt: the first stored operation that ends a run of it. Who draws such a job finishes it from here. */
  finishOf(queue: string, job: string): Promise<StoredOperation | undefined> {
    return this.#handle.read(({ deferred }) => deferred.receipt(queue, job));
  }

  /** Whether a child of this parent, `<prefix>:<queue>:<id>`, is still to be added to the primary. */
  keepsChildOf(parentKey: string): Promise<boolean> {
    return this.#handle.read(({ deferred }) => deferred.hasChildOf(parentKey));
  }

  // ---- unknown: adds whose outcome on the primary is unknown, with a copy of the same id on the standby

  /** Call it before the copy is added, in the same turn: then no copy is ever without its mark. */
  markUnknown(queue: string, job: string): Promise<void> {
    return this.#handle.write(({ unknown }) => unknown.mark({ queue, job }, this.#clock.now()));
  }

  isUnknown(queue: string, job: string): Promise<boolean> {
    return this.#handle.read(({ unknown }) => unknown.get({ queue, job }) !== undefined);
  }

  unknownOf(queue: string, job: string): Promise<UnknownJob | undefined> {
    return this.#handle.read(({ unknown }) => unknown.get({ queue, job }));
  }

  /** The copy has finished; the first outcome stands. Returns whether the job was marked and had none. */
  unknownDone(queue: string, job: string, outcome: Outcome): Promise<boolean> {
    return this.#handle.write(({ unknown }) => unknown.done({ queue, job }, outcome), { report: true });
  }

  /** The next marks by queue and job. */
  unknownPage(after: JobRef | undefined, limit: number): Promise<UnknownJob[]> {
    return this.#handle.read(({ unknown }) => unknown.page(after, limit));
  }

  /** Their outcome is known; returns how many were marked still. */
  settleUnknown(jobs: readonly JobRef[]): Promise<number> {
    return this.#inParts(jobs, part => this.#handle.write(({ unknown }) => unknown.drop(part)));
  }

  // ---- journal: copies of jobs that are on the primary

  /** Stores copies; of a job that has one, that one stays (as on the primary an id that is taken). Returns how many were new. */
  journalAdd(entries: readonly JournalEntry[]): Promise<number> {
    return this.#inParts(entries, part => this.#handle.write(({ journal }) => journal.add(part)));
  }

  /** Changes a job's copy; returns whether there was one. */
  journalReplace(entry: JournalEntry): Promise<boolean> {
    return this.#handle.write(({ journal }) => journal.replace(entry));
  }

  /** The jobs have reached their end; returns how many had a copy. */
  journalRemove(queue: string, jobs: readonly string[]): Promise<number> {
    return this.#inParts(jobs, part => this.#handle.write(({ journal }) => journal.drop(queue, part)));
  }

  /** The next copies in the order they were added; begin with 0. One that is added meanwhile may be left out. */
  journalPage(afterRow: number, limit: number): Promise<JournalRow[]> {
    return this.#handle.read(({ journal }) => journal.page(afterRow, limit));
  }

  /** The row of the newest copy; 0 when there is none. */
  journalEnd(): Promise<number> {
    return this.#handle.read(({ journal }) => journal.last());
  }

  journalHas(queue: string, job: string): Promise<boolean> {
    return this.#handle.read(({ journal }) => journal.has(queue, job));
  }

  // ---- moving: taken out of the standby, on their way to the primary

  /**
   * Moves up to `limit` jobs of a queue (not given: of all queues in turn) from the standby into a new batch, in one
   * transaction that is cut into slices: take-out.ts in the sqlite engine says which jobs, and in what order. A flow is
   * never split, so a batch may be larger than its limit.
   * @returns undefined when no job can be taken now.
   */
  async takeBatch(queue: string | undefined, limit: number): Promise<Batch | undefined> {
    const places = new Map(this.#places);
    const batch = await this.#handle.writeSliced(({ moving }, jobs) =>
      moving.take(jobs, queue, limit, { places, stays: this.#stays }, this.#clock.now()),
    );
    this.#places = places;
    return batch;
  }

  /** The same for job schedulers, each a unit with the job it has planned. */
  takeSchedulers(queue: string | undefined, limit: number): Promise<Batch | undefined> {
    return this.#handle.writeSliced(({ moving }, jobs) =>
      moving.takeSchedulers(jobs, queue, limit, this.#stays, this.#clock.now()),
    );
  }

  /** All batches that were not settled: those of an earlier drain that was killed, when no other is at work. */
  movingBatches(): Promise<Batch[]> {
    return this.#handle.read(({ moving }) => moving.batches());
  }

  /** A job that is in neither place just now. */
  movingJob(queue: string, job: string): Promise<TakenJob | undefined> {
    return this.#handle.read(({ moving }) => moving.job({ queue, job }));
  }

  /** All of it is on the primary; returns whether the batch was there still. */
  settleBatch(batch: string): Promise<boolean> {
    return this.#handle.write(({ moving }) => moving.drop(batch));
  }

  /**
   * Puts a batch back into the standby, each job in its old place: the primary is gone again.
   * @param unknown those of its jobs that may have arrived there; they are marked in the same transaction.
   * @returns how many jobs were put back; those whose ids are taken in the standby are not.
   */
  returnBatch(batch: string, unknown: readonly JobRef[] = []): Promise<number> {
    const now = this.#clock.now();
    // What comes back stands before the place the drain has come to.
    this.#places = new Map();
    return this.#handle.writeSliced(function* (tables, jobs) {
      for (const job of unknown) tables.unknown.mark(job, now);
      return yield* tables.moving.giveBack(jobs, batch);
    });
  }

  /**
   * Puts back those units of a batch that the primary will never take; the rest of it stays on its way. This process does
   * not take them out again; another one tries once.
   */
  keepBack(batch: string, refused: Iterable<TakenUnit>): Promise<number> {
    const stays = new Set([...refused].map(nameOfUnit));
    for (const name of stays) this.#stays.add(name);
    return this.#handle.writeSliced(({ moving }, jobs) => moving.giveBackSome(jobs, batch, stays));
  }

  /** Windows of de-duplication that are open though their jobs stay or are gone; `from` is where a walk through them stands. */
  lonelyKeys(from: KeyPlace | undefined, limit: number): Promise<KeyPage> {
    return this.#handle.read((_, jobs) => jobs.lonelyKeys(from, limit));
  }

  /** The primary holds them now. */
  dropKeys(keys: readonly EndingKey[]): Promise<void> {
    return this.#handle.write((_, jobs) => jobs.dropKeys(keys));
  }

  /** The standby learns of a scheduler of the primary; see plant-scheduler.ts in the sqlite engine. */
  plantScheduler(queue: string, id: string, every: number, last: number): Promise<void> {
    return this.#handle.write((_, jobs) => jobs.plantScheduler(queue, id, every, last));
  }

  // ---- between the processes of the machine

  /**
   * Takes or renews a lease: one holder at a time, over all processes. One that isn't renewed ends after `ms`.
   * @param holder names the process (and what in it): two that use one name share the lease.
   * @returns whether it is held now.
   */
  async lease(name: string, holder: string, ms: number): Promise<boolean> {
    // Leases don't outlive the boot, so they need not survive a power loss.
    const renew = ({ leases }: Tables) => leases.renew(name, holder, ms);
    const current = await this.#handle.write(renew, { durable: false });
    if (current !== undefined) return current === holder;
    // But what the last holder wrote must, before the next one goes on from there.
    return this.#handle.write(({ leases }) => leases.take(name, holder, ms));
  }

  leaseHolder(name: string): Promise<string | undefined> {
    return this.#handle.read(({ leases }) => leases.holder(name));
  }

  /** Ends it at once; returns whether `holder` had it. */
  releaseLease(name: string, holder: string): Promise<boolean> {
    return this.#handle.write(({ leases }) => leases.drop(name, holder), { durable: false });
  }

  setSwitch(name: string, setting: SwitchSetting): Promise<void> {
    return this.#handle.write(({ switches }) => switches.set(name, setting));
  }

  /** The switches in force: set, and not expired. */
  switches(): Promise<Switch[]> {
    return this.#handle.read(({ switches }) => switches.inForce());
  }

  /** The same before any turn of the event loop. Throws where the file can't be read just now. */
  switchesNow(): Switch[] {
    return this.#handle.readNow(prepare => switchesInForce(prepare, this.#clock));
  }

  getFact(endpoint: string, key: string): Promise<Json | undefined> {
    return this.#handle.read(({ facts }) => facts.get(endpoint, key));
  }

  setFact(endpoint: string, key: string, value: Json): Promise<void> {
    return this.#handle.write(({ facts }) => facts.set(endpoint, key, value));
  }

  /** Writes what nobody reads: rejects when the file takes no writes. Need not survive a power loss. */
  touch(): Promise<void> {
    return this.#handle.write(({ facts }) => facts.set('ledger', 'touched', this.#clock.now()), {
      durable: false,
    });
  }

  /** Names this ledger among those of all machines, and among those that stood in its place. */
  identity(): Promise<string> {
    return this.#handle.write(({ facts }) => {
      const known = facts.get('ledger', 'identity');
      if (typeof known === 'string') return known;
      const fresh = randomBytes(9).toString('base64url');
      facts.set('ledger', 'identity', fresh);
      return fresh;
    });
  }

  /** Calls back within 200 ms after another process has committed anything to the file. Returns the function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#stopListening ??= this.#handle.onForeignCommit(() => this.#tellSoon());
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#stopListening?.();
      this.#stopListening = undefined;
      clearTimeout(this.#tellTimer);
      this.#tellTimer = undefined;
    };
  }

  #tellSoon(): void {
    this.#tellTimer ??= setTimeout(() => {
      this.#tellTimer = undefined;
      for (const listener of [...this.#listeners]) listener();
    }, TELL_AFTER_MS).unref();
  }

  async #inParts<T>(list: readonly T[], write: (part: readonly T[]) => Promise<number>): Promise<number> {
    const parts: Promise<number>[] = [];
    for (let from = 0; from < list.length; from += PART) parts.push(write(list.slice(from, from + PART)));
    return (await Promise.all(parts)).reduce((sum, n) => sum + n, 0);
  }
}

function always(): boolean {
  return true;
}
