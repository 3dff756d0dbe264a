import { EventEmitter } from 'node:events';
import { classifyFailure, type FailureClass, isAvailabilityFailure } from '../../redis/index.ts';
import type { Clock } from '../../shared/clock.ts';
import type { SqliteQueueBackend } from '../sqlite/index.ts';
import { keepAbandoned } from './abandoned.ts';
import { Attachments } from './attached.ts';
import { Background } from './background.ts';
import { BetweenBatches } from './between-batches.ts';
import { Census, countStandby } from './census.ts';
import { Claims, ON_STANDBY } from './claims.ts';
import type { ControllerParts, DeferredEntry } from './controller-parts.ts';
import { Deadlines } from './deadline.ts';
import { splitQueue } from './entries.ts';
import { JobIds } from './ids.ts';
import { Journal } from './journal.ts';
import { Ladder } from './ladder.ts';
import type { Json, Ledger } from './ledger/index.ts';
import { LossWatch } from './loss.ts';
import { type Input, StateMachine, type Step, type Transition } from './machine.ts';
import type { ResolvedFailoverOptions } from './options.ts';
import type { Maintenance } from './primary/primary.ts';
import { Returning } from './returning.ts';
import { isStandbyTrouble, type StandbyTrouble, StandbyWatch } from './standby-watch.ts';
import { Statistics } from './statistics.ts';
import type { FailoverEvents, FailoverStatus } from './status.ts';
import { SwitchWatch } from './switch-watch.ts';
import { UnknownAdds } from './unknown.ts';

/** What is left of a caller's deadline for the standby, at most, in ms. */
const STANDBY_MS = 100;

/**
 * One for all backends of a process on the same primary: decides who is in charge, keeps what must reach the primary later,
 * and brings it back. Emits the events of FailoverEvents.
 */
export class Controller extends EventEmitter<FailoverEvents> {
  readonly options: ResolvedFailoverOptions;
  /** How long a call waits for the primary: the caller's deadline less what the standby needs after it, in ms. */
  readonly primaryMs: number;
  readonly unknownAdds: UnknownAdds;
  readonly deadlines: Deadlines;
  readonly ledger: Ledger;
  readonly journal: Journal | undefined;
  readonly statistics = new Statistics();
  readonly target: string;
  /** Tells the primary from others; see Primary. */
  readonly identity: string;
  readonly failsOver: boolean;
  /** Settles when it is known for the first time whether the primary answers. */
  readonly started: Promise<void>;
  /** Settles, and is gone, when the switch and what the standby holds are known: until then nothing is sent there. */
  preparing: Promise<void> | undefined;
  readonly maintenance: Maintenance;
  readonly standby: SqliteQueueBackend;
  readonly attached = new Attachments();
  readonly census: Census;
  readonly ladder = new Ladder(this);
  readonly claims = new Claims();
  readonly betweenBatches = new BetweenBatches();
  readonly clock: Clock;
  readonly #ids: JobIds;
  readonly #machine: StateMachine;
  readonly loss: LossWatch;
  readonly #returning: Returning;
  readonly #switch: SwitchWatch;
  readonly standbyWatch: StandbyWatch;
  readonly #background = new Background(error => this.#failedBehind(error));
  /** Nothing that workers must know of is kept here; not known before the first look. */
  #delivered = false;
  #inDoubt = false;
  readonly #onChange = new Set<() => void>();
  #markStarted: () => void = () => undefined;
  #probeTimer: NodeJS.Timeout | undefined;
  #probing = false;
  #closing: Promise<void> | undefined;

  constructor(parts: ControllerParts) {
    super();
    const { options, machine, primary, ledger, standby, clock, random, processId } = parts;
    this.options = options;
    this.ledger = ledger;
    this.standby = standby;
    this.target = primary.target;
    this.identity = primary.identity;
    this.failsOver = primary.failsOver;
    this.clock = clock;
    this.primaryMs = options.deadlineMs - Math.min(STANDBY_MS, options.deadlineMs / 4);
    this.deadlines = new Deadlines();
    this.unknownAdds = new UnknownAdds(this, clock);
    this.maintenance = primary.openMaintenance(options.deadlineMs / 2, clock, processId);
    this.#ids = new JobIds(processId, () => clock.now());
    this.#machine = new StateMachine(machine, random, clock.monotonic());
    this.census = new Census(() => countStandby(ledger));
    this.journal = options.journal === 'off' ? undefined : new Journal(this, options.journal, clock);
    this.loss = new LossWatch(this, clock, processId);
    this.#returning = new Returning(this, clock, processId);
    this.standbyWatch = new StandbyWatch(ledger, this.deadlines, trouble => this.#standbyChanged(trouble));
    standby.on('error', () => this.standbyWatch.suspect());
    this.#switch = new SwitchWatch(ledger, 'redis', (to, reason) => this.switched(to, reason));
    this.started = new Promise(resolve => {
      this.#markStarted = resolve;
    });
    this.preparing = Promise.allSettled([this.#switch.known, this.census.refresh()]).then(() => {
      this.preparing = undefined;
      if (!this.#machine.switchedOff) this.#later(0);
    });
  }

  /** Grows with each time the primary is given up; what began in an earlier one says nothing of now. */
  get epoch(): number {
    return this.#machine.epoch;
  }

  get state() {
    return this.#machine.state;
  }

  /** Whether operations go to the primary now. */
  get usesPrimary(): boolean {
    const { state } = this.#machine;
    return state === 'primary' || (state === 'returning' && this.#delivered);
  }

  /** Whether workers may fetch from the primary: it knows all that was finished without it. */
  get mayClaim(): boolean {
    return this.#delivered && this.usesPrimary;
  }

  /** A guess for callers that are told to come again, in ms. */
  readonly retryAfterMs = 2_000;

  /** Unfinished jobs on the primary when they were last counted; what a loss without journal is told in. */
  get lastCount(): number {
    return this.loss.lastCount;
  }

  /** Whether the primary was away, or lost its data, after a job of it was claimed: a lost lock is no wonder then. */
  hasLivedThroughOutage(claimed: number | undefined): boolean {
    if (claimed === ON_STANDBY) return false;
    // Without a claim, another worker of this process has had it, and is done with it.
    return (claimed !== undefined && claimed !== this.epoch) || this.loss.happenedRecently;
  }

  /**
   * Whether new jobs go to the primary now. Not while it is in doubt: a call has timed out and no probe has succeeded
   * since. What the standby takes in that time is certain, and goes back at once if the primary is well.
   */
  get takesAdds(): boolean {
    return !this.#inDoubt && this.usesPrimary;
  }

  status(): FailoverStatus {
    const { state, since, reason } = this.#machine;
    return {
      state,
      reason,
      forMs: this.clock.monotonic() - since,
      target: this.target,
      rung: this.usesPrimary ? 'primary' : this.ladder.rung,
      journal: this.options.journal,
      standbyTrouble: this.standbyWatch.trouble,
      pending: this.census.work,
      ...this.statistics.snapshot(),
    };
  }

  /** Whether jobs or reports are being given back now. */
  get givesBack(): boolean {
    return this.#returning.isAtWork;
  }

  /** Qualified names of the queues this process works with, or that the standby holds something of. */
  get queues(): string[] {
    const names = new Set([...this.attached.queues, ...this.census.queues]);
    return [...names].filter(queue => splitQueue(queue).name !== '');
  }

  newJobId(): string {
    return this.#ids.next();
  }

  /** Whether the standby may hold jobs of a queue; while the primary is away, any process may put some there. */
  standbyHolds(queue: string): boolean {
    return !this.usesPrimary || (!this.standbyWatch.isGone && this.census.holds(queue));
  }

  standbyHasWork(queue: string): boolean {
    return this.standbyWatch.trouble === undefined && this.census.hasWork(queue);
  }

  /** Jobs were put on the standby: they go back when that is possible. */
  noteSpill(queue: string, jobs: number): void {
    this.statistics.spilled += jobs;
    this.ladder.standbyWorks();
    this.noteWork(queue, jobs);
  }

  /** A queue may have work on the standby that was not there before. */
  noteWork(queue: string, jobs = 1): void {
    this.census.add(queue, jobs);
    if (this.usesPrimary) this.#returning.soon();
  }

  /** A call of an operation showed that the primary is in trouble. */
  callFailed(failure: FailureClass, message: string, epoch = this.epoch): void {
    if (this.#closing !== undefined) return;
    if (epoch === this.epoch) this.#inDoubt = true;
    this.#handle({ kind: 'call-failed', epoch, failure, message });
  }

  /** The same, of an error as it was thrown. */
  connectionFailed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.callFailed(classifyFailure(error), message);
  }

  /** Calls back whenever the primary comes or goes, and at the end. Answers the function that ends it. */
  onChange(callback: () => void): () => void {
    this.#onChange.add(callback);
    return () => this.#onChange.delete(callback);
  }

  /** The kill switch. */
  switched(to: 'on' | 'off', reason: string): void {
    this.#handle({ kind: 'switched', to, reason });
  }

  /** Keeps an operation for the primary until it is back. Durable when it resolves. */
  async defer(entry: DeferredEntry): Promise<void> {
    await this.ledger.defer({ ...entry, args: entry.args as Json[] });
    this.noteDeferred();
  }

  /** Something was kept for the primary. */
  noteDeferred(): void {
    if (this.usesPrimary) this.#returning.soon();
  }

  /** A copy of an unknown add was finished on the standby: its twin must not run. */
  finishedOnStandby(queue: string, id: string, op: 'completed' | 'failed', value: unknown): void {
    this.own(this.ledger.unknownDone(queue, id, { outcome: op, value: value as Json }));
    if (this.usesPrimary) this.#returning.finishedHere();
  }

  /** A claim whose answer never came is looked after on return. */
  abandonClaim(queue: string, token: string): void {
    this.claims.abandon(queue, token);
    if (this.usesPrimary) this.#returning.soon();
  }

  /** A job ran twice, or is about to, because of a fault. */
  countDuplicate(queue: string, job: string, how: string): void {
    this.statistics.duplicates += 1;
    this.emit('duplicate', { queue, job, how });
  }

  /** Ends in the background; its failure is told, not thrown. */
  own(work: Promise<unknown>): void {
    this.#background.own(work);
  }

  /** Waits; ends at once when the controller is closed. */
  pause(ms: number): Promise<void> {
    return this.#background.pause(ms);
  }

  // --- deciding -----------------------------------------------------------------------------------------------------

  /** What was brought back so far allows workers to fetch from the primary again, unless it was given up meanwhile. */
  markDelivered(epoch: number): void {
    if (this.#delivered || epoch !== this.epoch) return;
    this.#delivered = true;
    this.attached.primaryBack();
    this.#announceChange();
  }

  /** Nothing of the primary's is left here. */
  markSettled(epoch: number): void {
    if (this.#machine.state === 'returning') this.#handle({ kind: 'settled', epoch });
  }

  #handle(input: Input): void {
    const step = this.#machine.handle(input, this.clock.monotonic());
    if (step.transition !== undefined) this.#changed(step.transition);
    this.#plan(step);
  }

  #changed(transition: Transition): void {
    this.#inDoubt = false;
    if (transition.to === 'standby') {
      this.#delivered = false;
      this.attached.primaryLost();
      if (this.#machine.switchedOff) this.maintenance.drop();
      // A primary that answers, if only to refuse, answers those who wait, too.
      if (transition.failure === undefined || transition.failure === 'timeout') this.deadlines.expireAll();
    } else if (transition.to === 'returning') {
      this.#returning.start();
      if (this.standbyWatch.trouble !== undefined) this.markDelivered(this.epoch);
    }
    this.statistics.switches += transition.to === 'standby' ? 1 : 0;
    this.#announceChange();
    this.emit('state', transition);
  }

  /** Without its standby the primary works alone. What was to be delivered first waits until the file is back. */
  #standbyChanged(trouble: StandbyTrouble | undefined): void {
    if (trouble !== undefined && this.state !== 'standby') this.markDelivered(this.epoch);
    this.#announceChange();
    this.emit('standby', { trouble });
  }

  /** What ends in the background was nobody's call; that the primary is away is for probes to tell. */
  #failedBehind(error: Error): void {
    if (isStandbyTrouble(error)) this.standbyWatch.suspect();
    else if (!isAvailabilityFailure(classifyFailure(error))) this.emit('trouble', error);
  }

  #announceChange(): void {
    for (const callback of [...this.#onChange]) callback();
  }

  // --- probing ------------------------------------------------------------------------------------------------------

  #plan({ probeInMs }: Step): void {
    if (probeInMs === undefined) {
      clearTimeout(this.#probeTimer);
      this.#probeTimer = undefined;
      if (this.#machine.switchedOff) this.#markStarted();
    } else if (!this.#probing) this.#later(probeInMs);
  }

  #later(ms: number): void {
    if (this.#closing !== undefined) return;
    clearTimeout(this.#probeTimer);
    this.#probeTimer = setTimeout(() => this.own(this.#probe()), ms);
  }

  async #probe(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    this.#handle({ kind: 'probe-started' });
    const { epoch } = this;
    // What was lost is known before anything goes there again.
    const health = await this.loss.lookAfter(await this.maintenance.check());
    this.#probing = false;
    if (this.#closing !== undefined) return;
    if (health.ok) {
      this.#inDoubt = false;
      this.#handle({ kind: 'probe-ok', epoch });
      // An earlier run may have ended before it could deliver. What there is, `lookForWork` brings.
      const mayBeFirst = !this.#delivered && this.state === 'primary';
      if (mayBeFirst && (await this.#returning.hasNothingToTell())) this.markDelivered(epoch);
      this.journal?.tick(health.facts);
    } else {
      this.statistics.lastTrouble = health;
      if (health.failure === 'oom') this.#returning.makeRoom();
      this.#handle({ kind: 'probe-failed', epoch, failure: health.failure, message: health.message });
    }
    this.#markStarted();
    if (this.standbyWatch.trouble !== undefined) return;
    // Other processes put jobs there too, or left some when they ended.
    await this.census.refresh();
    // A return that was broken off is gone on with, whatever it was that broke it off.
    if (this.state !== 'standby') this.#returning.lookForWork();
    else await this.#takeBackMoving();
  }

  /** Jobs that a drain had in its hands when it, or the primary, died; adds that were held back long enough. */
  async #takeBackMoving(): Promise<void> {
    const { moving, deferred } = await this.ledger.counts();
    if (moving + deferred > 0) this.#returning.takeBack();
  }

  // --- the end ------------------------------------------------------------------------------------------------------

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#probeTimer);
    this.#switch.close();
    this.standbyWatch.close();
    this.#announceChange();
    this.#background.hurry();
    // What is given back may wait for a primary that hangs: its connection ends first, the jobs stay here.
    const stopped = this.#returning.stop();
    await this.maintenance.close();
    await stopped;
    await this.journal?.flushed();
    await this.#background.ended();
    await keepAbandoned(this);
    this.deadlines.close();
    await this.standby.close();
    await this.ledger.close();
  }
}
