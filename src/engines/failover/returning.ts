import { classifyFailure, isAvailabilityFailure } from '../../redis/index.ts';
import type { Clock } from '../../shared/clock.ts';
import { giveBackClaims } from './abandoned.ts';
import type { Controller } from './controller.ts';
import { giveKeys } from './dedup-keys.ts';
import { deliver } from './deliver.ts';
import { Drain } from './drain.ts';
import { reconcile } from './reconcile.ts';
import { holdsSchedulers, LOOKS_FOR_SCHEDULERS } from './schedulers.ts';

/** One process at a time gives back; when it dies another may after so long, in ms. */
const LEASE_MS = 5_000;
/** How often those who wait for another process look whether it is done, in ms. */
const LOOK_MS = 100;
/** Finished jobs removed from a full primary at once. */
const ROOM_STEP = 1_000;

/**
 * Gives the primary what is its own: what workers had to report, adds whose outcome was unknown, the standby's jobs. In
 * this order, because nobody may fetch from the primary before it knows what was finished without it.
 */
export class Returning {
  readonly #controller: Controller;
  readonly #processId: string;
  readonly #drain: Drain;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  #makingRoom = false;
  /** There may be something besides jobs: a window of de-duplication whose job has finished here, a scheduler. */
  #isDue = false;

  constructor(controller: Controller, clock: Clock, processId: string) {
    this.#controller = controller;
    this.#processId = processId;
    this.#drain = new Drain(controller, clock);
  }

  /** The primary is back. */
  start(): void {
    this.#drain.begin();
    this.soon();
  }

  /** The primary is away: what was on its way there comes back, unless another process is at it. */
  takeBack(): void {
    this.#controller.own(this.#takeBack());
  }

  async #takeBack(): Promise<void> {
    const { ledger, state } = this.#controller;
    if (this.#stopped || state !== 'standby' || !(await ledger.lease('return', this.#processId, LEASE_MS)))
      return;
    try {
      await this.#drain.takeBack();
      await this.#controller.unknownAdds.releaseOld();
    } finally {
      await ledger.releaseLease('return', this.#processId);
    }
  }

  get isAtWork(): boolean {
    return this.#running !== undefined;
  }

  /** There is something to give back. */
  soon(): void {
    if (this.#stopped) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#again) this.soon();
    });
    this.#controller.own(this.#running);
  }

  /** Called after each good probe: another process may have left something, or died in the middle. */
  lookForWork(): void {
    const { census, state } = this.#controller;
    if (this.#running !== undefined || this.#stopped) return;
    // A return that was broken off, because the file was out, comes to its end only by being gone on with.
    if (census.work > 0 || state === 'returning' || this.#isDue) this.soon();
    else this.#lookInLedger();
  }

  /** A job has finished on the standby while the primary is in use. */
  finishedHere(): void {
    this.#isDue = true;
  }

  /** At the start: whether an earlier run left nothing that must be delivered before workers fetch from the primary. */
  async hasNothingToTell(): Promise<boolean> {
    const { ledger } = this.#controller;
    const [{ deferred, unknown }, { keys, next }, schedulers] = await Promise.all([
      ledger.counts(),
      ledger.lonelyKeys(undefined, 1),
      holdsSchedulers(ledger),
    ]);
    this.#isDue ||= keys.length > 0 || next !== undefined || schedulers;
    return deferred + unknown === 0 && !this.#isDue;
  }

  #lookInLedger(): void {
    const { ledger } = this.#controller;
    this.#controller.own(
      ledger.counts().then(({ deferred, unknown, moving }) => {
        if (deferred + unknown + moving > 0) this.soon();
      }),
    );
  }

  get #mayGoOn(): boolean {
    return !this.#stopped && this.#controller.state !== 'standby';
  }

  async #run(): Promise<void> {
    const { ledger } = this.#controller;
    await this.#controller.attached.primaryAnswers();
    for (let looks = 0; this.#mayGoOn; looks++) {
      const { epoch } = this.#controller;
      try {
        // Each process its own, before its workers ask again.
        await giveBackClaims(this.#controller);
        const isOurs = await ledger.lease('return', this.#processId, LEASE_MS);
        if (await (isOurs ? this.#giveBack(epoch) : this.#othersGaveBack(epoch, looks))) {
          return this.#controller.markSettled(epoch);
        }
        if (!isOurs) await this.#controller.pause(LOOK_MS);
      } catch (error) {
        if (isAvailabilityFailure(classifyFailure(error))) this.#controller.connectionFailed(error);
        else throw error;
        await this.#controller.pause(LOOK_MS);
      } finally {
        await ledger.releaseLease('return', this.#processId);
      }
    }
  }

  /** While another process holds the lease: workers are let in when it has delivered. Tells whether nothing is left. */
  async #othersGaveBack(epoch: number, looks: number): Promise<boolean> {
    const { ledger, census } = this.#controller;
    const { deferred, unknown, moving } = await ledger.counts();
    const areThere = looks >= LOOKS_FOR_SCHEDULERS || !(await holdsSchedulers(ledger));
    if (deferred === 0 && unknown === 0 && areThere) this.#controller.markDelivered(epoch);
    await census.refresh();
    return deferred + unknown + moving === 0 && !this.#drain.hasWork;
  }

  /** Holding the lease: everything in order. Tells whether it came to the end. */
  async #giveBack(epoch: number): Promise<boolean> {
    const controller = this.#controller;
    const renew = () => controller.ledger.lease('return', this.#processId, LEASE_MS);
    // As long as the primary is not given up in between.
    const mayGoOn = () => this.#mayGoOn && controller.epoch === epoch;
    if (!(await deliver(controller, mayGoOn, renew))) return false;
    if (!(await reconcile(controller, mayGoOn, renew))) return false;
    if (!(await this.#drain.runFirst(mayGoOn, renew))) return false;
    if (!(await giveKeys(controller, mayGoOn))) return false;
    controller.markDelivered(epoch);
    if (!(await this.#drain.run(mayGoOn, renew))) return false;
    // Some of those that waited have run here meanwhile.
    this.#isDue = false;
    return giveKeys(controller, mayGoOn);
  }

  /** A full primary can't even be drained by workers: finished jobs go first. */
  makeRoom(): void {
    if (this.#makingRoom || this.#stopped) return;
    this.#makingRoom = true;
    this.#controller.own(
      this.#makeRoom().finally(() => {
        this.#makingRoom = false;
      }),
    );
  }

  async #makeRoom(): Promise<void> {
    const { maintenance, queues } = this.#controller;
    let removed = 0;
    for (const queue of queues) removed += await maintenance.makeRoom(queue, ROOM_STEP);
    if (removed > 0) this.#controller.emit('room', { removed });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running?.catch(() => undefined);
  }
}
