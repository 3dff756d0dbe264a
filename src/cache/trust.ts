/**
 * Whether what is in memory may be used without asking Redis. Entries carry the generation they were checked in; the current
 * one moves on when changes may have been missed, and all entries are to be checked again.
 */
export class Trust {
  /** Entries of this generation may be used. NaN, which equals nothing, while none may. */
  gen = 0;
  #latest = 0;

  /** Something may have changed unseen: all that is in memory is to be checked. */
  renew(): void {
    this.gen = ++this.#latest;
  }

  /** Redis can be asked and changes are not announced: nothing is used unasked. */
  suspend(): void {
    this.gen = Number.NaN;
  }

  /** Redis can't be asked: what was good before is as good as it gets. */
  resume(): void {
    this.gen = this.#latest;
  }
}
