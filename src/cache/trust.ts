import type { Clock } from '../shared/clock.ts';

/**
 * Whether what is in memory may be used without asking Redis. Entries carry the generation they were checked in; the current
 * one moves on when changes may have been missed, and all entries are to be checked again.
 */
export class Trust {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #latest = 0;
  #suspended = false;
  #since: number;
  /** Entries of this generation may be used. NaN, which equals nothing, while none may. */
  gen = 0;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** Changes made before this moment of the monotonic clock may have been missed. */
  get since(): number {
    return this.#suspended ? this.#clock.monotonic() : this.#since;
  }

  /** Something may have changed unseen: all that is in memory is to be checked. */
  renew(): void {
    this.#latest++;
    this.#set(this.#suspended);
  }

  /** Redis can be asked and changes are not announced: nothing is used unasked. */
  suspend(): void {
    this.#set(true);
  }

  /** Changes are announced again; or Redis can't be asked, and what was good before is as good as it gets. */
  resume(): void {
    this.#set(false);
  }

  #set(suspended: boolean): void {
    this.#suspended = suspended;
    this.#since = this.#clock.monotonic();
    this.gen = suspended ? Number.NaN : this.#latest;
  }
}
