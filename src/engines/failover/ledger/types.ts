import type { Prepared } from '../../sqlite/index.ts';

/** Prepares a statement with plain `?` parameters. */
export type Prepare = (sql: string) => Prepared;

/** What can be stored as JSON and read back as it was. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Names a job: the queue's qualified name (`<prefix>:<queue>`) and the job's id. */
export interface JobRef {
  queue: string;
  job: string;
}
