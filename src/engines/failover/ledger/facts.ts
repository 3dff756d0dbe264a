import type { Prepared } from '../../sqlite/index.ts';
import type { Json, Prepare } from './types.ts';

/** What is known of a primary, to be compared with when it is back: is it the same server, with the same data? */
export const factsSchema = `
CREATE TABLE IF NOT EXISTS failover_fact (
  endpoint TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (endpoint, key)
) STRICT, WITHOUT ROWID;
`;

export class Facts {
  readonly #get: Prepared;
  readonly #set: Prepared;

  constructor(prepare: Prepare) {
    this.#get = prepare('SELECT value FROM failover_fact WHERE endpoint = ? AND key = ?');
    this.#set = prepare('INSERT OR REPLACE INTO failover_fact (endpoint, key, value) VALUES (?, ?, ?)');
  }

  get(endpoint: string, key: string): Json | undefined {
    const row = this.#get.get(endpoint, key);
    return row && (JSON.parse(String(row[0])) as Json);
  }

  set(endpoint: string, key: string, value: Json): void {
    this.#set.run(endpoint, key, JSON.stringify(value));
  }
}
