import type { IQueueBackend, JobJson } from 'bullmq';
import { splitQueue } from '../entries.ts';

type Entries = Parameters<IQueueBackend['addFlow']>[0];

/**
 * A backend that knows no prefixes (PostgreSQL: its schema is the namespace) under the names that the standby and Redis give
 * queues and jobs: parents are told by their queue's name, and its children would find no parent under the qualified one.
 * One that names them as Redis does is answered as it is.
 */
export function withQualifiedNames(backend: IQueueBackend, queueName: string, prefix: string): IQueueBackend {
  if (backend.qualifiedName !== queueName) return backend;
  const named = namesOf(backend, prefix) as Readonly<Record<string | symbol, unknown>>;
  return new Proxy(backend, {
    get(target, name) {
      if (Object.hasOwn(named, name)) return named[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The operations that a key goes into or comes out of. */
function namesOf(backend: IQueueBackend, prefix: string): Partial<IQueueBackend> {
  const qualified = (key: string) => `${prefix}:${key}`;
  const plain = (key: string) => (key.startsWith(`${prefix}:`) ? key.slice(prefix.length + 1) : key);
  const out = <T>(job: T): T => outward(job, qualified);
  return {
    forQueue: (name, theirs) =>
      withQualifiedNames(backend.forQueue(name, theirs), name, theirs ?? prefix) as never,
    addJob: (job, id, link) => backend.addJob(inward(job), id, linkOf(job, link)),
    addJobs: entries =>
      backend.addJobs(
        entries.map(({ job, jobId, parentKeyOpts }) => ({
          job: inward(job),
          jobId,
          parentKeyOpts: linkOf(job, parentKeyOpts),
        })),
      ),
    addFlow: entries => addFlow(backend, entries),
    async moveToActive(token, name) {
      return withJob(await backend.moveToActive(token, name), out);
    },
    async moveToCompleted(job, value, keep, token, fetchNext) {
      const finished = await backend.moveToCompleted(job, value, keep, token, fetchNext);
      return { ...finished, result: withJob(finished.result, out) };
    },
    async moveToFailed(job, reason, keep, token, fetchNext, fields) {
      const finished = await backend.moveToFailed(job, reason, keep, token, fetchNext, fields);
      return { ...finished, result: withJob(finished.result, out) };
    },
    async moveToDelayed(id, timestamp, delay, token, opts) {
      return withJob(await backend.moveToDelayed(id, timestamp, delay, token, opts), out);
    },
    getJobData: async id => out(await backend.getJobData(id)),
    removeChildDependency: (id, parentKey) => backend.removeChildDependency(id, plain(parentKey)),
    async getDependencies(id, opts) {
      const found = await backend.getDependencies(id, opts);
      const { processed, ignored, unprocessed, failed } = found;
      return {
        ...found,
        ...(processed === undefined ? {} : { processed: mapKeys(processed, qualified) }),
        ...(ignored === undefined ? {} : { ignored: mapKeys(ignored, qualified) }),
        ...(unprocessed === undefined ? {} : { unprocessed: unprocessed.map(qualified) }),
        ...(failed === undefined ? {} : { failed: failed.map(qualified) }),
      };
    },
    getProcessedChildrenValues: async id => mapKeys(await backend.getProcessedChildrenValues(id), qualified),
    getIgnoredChildrenFailures: async id => mapKeys(await backend.getIgnoredChildrenFailures(id), qualified),
    async paginate(key, opts) {
      const page = await backend.paginate(plain(key), opts);
      const items = page.items.map(item => ({ ...item, id: qualified(item.id) }));
      return { ...page, items, ...(page.jobs === undefined ? {} : { jobs: page.jobs.map(out) }) };
    },
  };
}

/**
 * It answers with what went wrong, for each job, where other calls are refused: thrown, the engine can tell a server that
 * is away from a flow that is wrong. A child without its parent was not added, which nobody looks at.
 */
async function addFlow(
  backend: IQueueBackend,
  entries: Entries,
): Promise<[error: Error | null, id: string | number][]> {
  const results = await backend.addFlow(
    entries.map(({ jobData, parentKeyOpts, ...entry }) => ({
      ...entry,
      jobData: inward(jobData),
      parentKeyOpts: linkOf(jobData, parentKeyOpts),
    })),
  );
  for (const [error] of results) if (error !== null) throw error;
  return results;
}

/** A job as such a backend takes it: its parent's queue by name alone. */
function inward(job: JobJson): JobJson {
  const { parent } = job;
  if (parent?.queueKey === undefined) return job;
  const queueKey = splitQueue(parent.queueKey).name;
  return { ...job, parent: { ...parent, queueKey }, parentKey: `${queueKey}:${parent.id}` };
}

function linkOf<L extends { parentKey?: string; parentDependenciesKey?: string }>(
  job: JobJson,
  link: L = {} as L,
): L {
  const { parentKey } = inward(job);
  if (link.parentKey === undefined || parentKey === undefined) return link;
  return { ...link, parentKey, parentDependenciesKey: `${parentKey}:dependencies` };
}

function outward<T>(job: T, qualified: (key: string) => string): T {
  if (typeof job !== 'object' || job === null) return job;
  const { parent, parentKey } = job as unknown as JobJson;
  if (parentKey === undefined || parentKey === null) return job;
  const named = parent === undefined ? {} : { parent: { ...parent, queueKey: qualified(parent.queueKey) } };
  return { ...job, ...named, parentKey: qualified(parentKey) };
}

/** A claim's answer, its job first. */
function withJob<A>(answer: A, out: (job: unknown) => unknown): A {
  if (!Array.isArray(answer) || !answer[0]) return answer;
  return [out(answer[0]), ...answer.slice(1)] as A;
}

function mapKeys<V>(values: Record<string, V>, name: (key: string) => string): Record<string, V> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [name(key), value]));
}
