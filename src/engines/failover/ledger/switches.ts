import type { MachineClock, Prepared } from '../../sqlite/index.ts';
import type { Prepare } from './types.ts';

/** Live switches, seen by every process of the machine. Who set one and why is kept with it. */
export const switchesSchema = `
CREATE TABLE IF NOT EXISTS failover_switch (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL CHECK (value IN ('on', 'off')),
  about TEXT NOT NULL,
  expires_at REAL,
  at REAL NOT NULL
) STRICT, WITHOUT ROWID;
`;

export interface SwitchSetting {
  value: 'on' | 'off';
  /** What it is set to while it is on, of one that has more to it than on and off. */
  setting?: string;
  by: string;
  reason: string;
  /** Ms since 1970; null = it stands until it is set anew. */
  expiresAt: number | null;
}

export interface Switch extends SwitchSetting {
  name: string;
  /** When it was set, ms since 1970. */
  at: number;
}

/** Before the tables are made: none, of a file that has no such table yet. */
export function switchesInForce(prepare: Prepare, clock: MachineClock): Switch[] {
  const isThere = prepare("SELECT 1 FROM sqlite_schema WHERE name = 'failover_switch'").get();
  return isThere === undefined ? [] : new Switches(prepare, clock).inForce();
}

/** The same end on the machine's monotonic clock, for as long as that boot lasts. */
interface Until {
  boot: string;
  at: number;
}

type About = Pick<Switch, 'by' | 'reason' | 'setting'> & { until?: Until };

export class Switches {
  readonly #clock: MachineClock;
  readonly #set: Prepared;
  readonly #inForce: Prepared;

  constructor(prepare: Prepare, clock: MachineClock) {
    this.#clock = clock;
    this.#set = prepare(
      'INSERT OR REPLACE INTO failover_switch (name, value, about, expires_at, at) VALUES (?, ?, ?, ?, ?)',
    );
    this.#inForce = prepare(
      `SELECT name, value, about, expires_at, at FROM failover_switch
       WHERE expires_at IS NULL OR expires_at > ? ORDER BY name`,
    );
  }

  set(name: string, { value, setting, by, reason, expiresAt }: SwitchSetting): void {
    const now = this.#clock.now();
    const about: About = { by, reason };
    if (setting !== undefined) about.setting = setting;
    if (expiresAt !== null) {
      about.until = { boot: this.#clock.boot(), at: this.#clock.monotonic() + (expiresAt - now) };
    }
    // As JSON, because people write what they like, and Node 22 reads a text only up to a NUL.
    this.#set.run(name, value, JSON.stringify(about), expiresAt, now);
  }

  /** Over by whichever clock says so first: one that is set back prolongs nothing, nor does a machine that slept. */
  inForce(): Switch[] {
    return this.#inForce.all(this.#clock.now()).flatMap(([name, value, json, expiresAt, at]) => {
      const { until, ...about } = JSON.parse(String(json)) as About;
      if (until?.boot === this.#clock.boot() && until.at <= this.#clock.monotonic()) return [];
      return {
        name: String(name),
        value: value as Switch['value'],
        ...about,
        expiresAt: expiresAt === null ? null : Number(expiresAt),
        at: Number(at),
      };
    });
  }
}
