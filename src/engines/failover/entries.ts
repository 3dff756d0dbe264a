import type { IQueueBackend, JobJson, ParentKeyOpts } from 'bullmq';

/** Where a job lives. */
export type Place = 'primary' | 'standby';

/** A job on its way into a queue, with all that is needed to add it again elsewhere. */
export interface AddEntry {
  /** The queue's qualified name, `<prefix>:<name>`. */
  queue: string;
  id: string;
  job: JobJson;
  parentKeyOpts: ParentKeyOpts;
  /** Id of the root when it was added as part of a flow. */
  flow?: string | undefined;
}

/** Prefix and name of a qualified name; a queue's name holds no colon. */
export function splitQueue(qualifiedName: string): { prefix: string; name: string } {
  const cut = qualifiedName.lastIndexOf(':');
  return { prefix: qualifiedName.slice(0, cut), name: qualifiedName.slice(cut + 1) };
}

/** The queue of a job's key, `<prefix>:<name>:<id>`. */
export function parentQueueOf(key: string): string {
  return key.slice(0, key.lastIndexOf(':'));
}

/** Entries as the contract's `addFlow` takes them. */
export function flowEntries(entries: readonly AddEntry[]): Parameters<IQueueBackend['addFlow']>[0] {
  return entries.map(({ queue, id, job, parentKeyOpts }) => {
    const { prefix, name } = splitQueue(queue);
    return { jobData: job, jobId: id, parentKeyOpts, prefix, queueName: name };
  });
}
