/**
 * The last ids, at least `limit` of them and at most twice as many. Two sets take turns, because deleting the
 * oldest of one set, one by one, makes finding the next oldest slower and slower.
 */
export class RecentIds {
  readonly #limit: number;
  #current = new Set<string>();
  #previous = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Notes an id; false when it was there already. */
  note(id: string): boolean {
    if (this.#current.has(id)) return false;
    const known = this.#previous.has(id);
    if (this.#current.size >= this.#limit) {
      this.#previous = this.#current;
      this.#current = new Set();
    }
    this.#current.add(id);
    return !known;
  }
}
