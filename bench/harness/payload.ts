import { randomHex, seededRandom } from './random.ts';

/** What a job carries: an incoming direct message, 300 bytes as JSON. */
export interface JobData {
  /** Which job this is, from 0: what the exactly-once check counts by. */
  seq: number;
  /** Milliseconds since 1970; in the latency benchmark, the sender's monotonic clock. */
  sentAt: number;
  /** Keeps the size the same however many digits `seq` has. */
  order: string;
  account: string;
  contact: { id: string; name: string };
  message: { id: string; text: string };
}

export const jobDataBytes = 300;
const templateCount = 64;

/** Gives the data of job `seq`. Cheap: it copies one of 64 seeded templates. */
export function jobDataSource(seed: number): (seq: number) => JobData {
  const random = seededRandom(seed);
  const templates = Array.from({ length: templateCount }, () => template(random));
  return seq => ({
    ...templates[seq % templateCount]!,
    seq,
    order: 'o'.padEnd(10 - String(seq).length, '-'),
  });
}

function template(random: () => number): JobData {
  const data: JobData = {
    seq: 0,
    sentAt: 1_760_000_000_000 + Math.floor(random() * 1e9),
    order: 'o'.padEnd(9, '-'),
    account: `acct_${randomHex(random, 12)}`,
    contact: { id: `ig_${randomHex(random, 16)}`, name: 'Ada Lovelace' },
    message: { id: `mid.${randomHex(random, 24)}`, text: '' },
  };
  const missing = jobDataBytes - Buffer.byteLength(JSON.stringify(data));
  const text = 'Hello! Is the blue one still available, and could you send it by Friday? '.repeat(4);
  return { ...data, message: { ...data.message, text: text.slice(0, missing) } };
}
