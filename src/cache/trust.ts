/**
 * Whether what is in memory may be used without asking Redis. Entries carry the generation they were checked in; the current
 * one moves on when changes may have been missed, and all entries are to be checked again.
 */
export class Trust {
  #latest = 0;
  #suspended = false;
  /** Entries of this generation may be used. NaN, which equals nothing, while none may. */
  gen = 0;

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
    this.gen = suspended ? Number.NaN : this.#latest;
  }
}
