import type { Change } from './changes.ts';

/** What was changed while Redis could not be told: the newest change of each name. */
export class Journal {
  readonly #changes = new Map<string, Change>();

  get size(): number {
    return this.#changes.size;
  }

  record(change: Change): void {
    const known = this.#changes.get(change.name);
    if (known === undefined || known.version < change.version) this.#changes.set(change.name, change);
  }

  /** Redis does not know the newest of this name yet. */
  has(name: string): boolean {
    return this.#changes.has(name);
  }

  all(): Change[] {
    return [...this.#changes.values()];
  }

  /** Redis knows it now. */
  done({ name, version }: Change): void {
    if (this.#changes.get(name)?.version === version) this.#changes.delete(name);
  }
}
