import { SpillwayError } from '../shared/errors.ts';
import { nearestOption } from '../shared/unknown-option.ts';

/** What says where the database is, and who asks: without one, node-postgres takes it from the environment, or this machine. */
const addresses = ['host', 'port', 'user', 'password', 'database', 'connectionString', 'schema', 'ssl'];

/** node-postgres's and BullMQ's own that are near to one of those. */
const others = new Set(['sslnegotiation', 'options', 'types', 'stream', 'max', 'min']);

/** What others call it. */
const elsewhere: Readonly<Record<string, string>> = {
  url: 'connectionString, or the option postgres itself',
  uri: 'connectionString, or the option postgres itself',
  hostname: 'host',
  server: 'host',
  username: 'user',
  pass: 'password',
  db: 'database',
  tls: 'ssl',
};

/** Refuses a misspelt address of a database. A pool is let be. @throws SpillwayError SPILLWAY_INVALID_OPTION */
export function checkPostgresOptions(given: unknown): void {
  if (typeof given !== 'object' || given === null || 'connect' in given) return;
  for (const option of Object.keys(given)) {
    if (addresses.includes(option) || others.has(option)) continue;
    const meant = Object.hasOwn(elsewhere, option) ? elsewhere[option] : nearestOption(option, addresses);
    if (meant === undefined) continue;
    const range = 'absent: there is no such option';
    throw new SpillwayError(
      'SPILLWAY_INVALID_OPTION',
      // Without its value, which may be a password.
      `Option postgres.${option} must be ${range}; received one; it is called ${meant}`,
      { details: { option: `postgres.${option}`, range } },
    );
  }
}
