import type { MachineClock, Prepared } from '../../sqlite/index.ts';
import type { Prepare } from './types.ts';

/*
 * Who of the machine's processes does what only one may do at a time. A lease ends on the machine's monotonic clock,
 * which a change of the time of day doesn't move; one of another boot is over.
 */
export const leaseSchema = `
CREATE TABLE IF NOT EXISTS failover_lease (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  boot TEXT NOT NULL,
  until REAL NOT NULL
) STRICT, WITHOUT ROWID;
`;

export class Leases {
  readonly #clock: MachineClock;
  readonly #get: Prepared;
  readonly #set: Prepared;
  readonly #drop: Prepared;

  constructor(prepare: Prepare, clock: MachineClock) {
    this.#clock = clock;
    this.#get = prepare('SELECT holder, boot, until FROM failover_lease WHERE name = ?');
    this.#set = prepare(
      'INSERT OR REPLACE INTO failover_lease (name, holder, boot, until) VALUES (?, ?, ?, ?)',
    );
    this.#drop = prepare('DELETE FROM failover_lease WHERE name = ? AND holder = ?');
  }

  /** Takes or renews it; false when another holds it. */
  take(name: string, holder: string, ms: number): boolean {
    const current = this.holder(name);
    if (current !== undefined && current !== holder) return false;
    this.#hold(name, holder, ms);
    return true;
  }

  /** Renews it if `holder` has it; returns who has it. */
  renew(name: string, holder: string, ms: number): string | undefined {
    const current = this.holder(name);
    if (current === holder) this.#hold(name, holder, ms);
    return current;
  }

  /** Who holds it now. */
  holder(name: string): string | undefined {
    const [holder, boot, until] = this.#get.get(name) ?? [];
    const live = boot === this.#clock.boot() && Number(until) > this.#clock.monotonic();
    return live ? String(holder) : undefined;
  }

  #hold(name: string, holder: string, ms: number): void {
    this.#set.run(name, holder, this.#clock.boot(), this.#clock.monotonic() + ms);
  }

  drop(name: string, holder: string): boolean {
    return this.#drop.run(name, holder) === 1;
  }
}
