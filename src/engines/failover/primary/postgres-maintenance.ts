import {
  type IQueueBackend,
  type JobJson,
  PostgresConnection,
  type PostgresConnectionOptions,
  PostgresQueueBackend,
} from 'bullmq';
import type { EndingKey, TakenJob, TakenUnit } from '../../sqlite/index.ts';
import { splitQueue } from '../entries.ts';
import { flowEntry, OtherMaintenance } from './other.ts';
import { inOrderOfAdding, optionsNow, scheduleNow } from './placing.ts';
import {
  BATCH_LEFT,
  CLAIMED,
  EVENTS_OF_OURS,
  HISTORY,
  LOG,
  MARK,
  PRESENT,
  RECLAIM,
  WINDOW,
} from './postgres-sql.ts';
import { type BatchReport, isRefusal, type Standing, UnitsRefused } from './primary.ts';

/** How long it is remembered that a batch was added, in ms. */
const BATCH_MS = 3_600_000;

type Client = Awaited<ReturnType<PostgresConnection['pool']['connect']>>;

/** What the contract's calls can't do, in BullMQ's own tables: jobs with all they have been through, in one transaction. */
export class PostgresMaintenance extends OtherMaintenance {
  readonly #prefix: string;
  readonly #latest: { connection?: PostgresConnection };
  readonly #heard = new WeakSet<Client>();

  constructor(options: unknown, prefix: string, deadlineMs: number) {
    const latest: { connection?: PostgresConnection } = {};
    const connect = () => {
      latest.connection = new PostgresConnection(options as PostgresConnectionOptions);
      return backendOn(latest.connection, prefix);
    };
    super(connect, deadlineMs);
    this.#prefix = prefix;
    this.#latest = latest;
  }

  override async addBatch(batch: string, units: readonly TakenUnit[]): Promise<BatchReport> {
    try {
      return await this.#addBatch(batch, units);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const refused = await this.#refusedOf(units);
      throw refused.size > 0 ? new UnitsRefused(refused) : error;
    }
  }

  /** Tries each by itself, and leaves nothing of it. */
  async #refusedOf(units: readonly TakenUnit[]): Promise<Map<TakenUnit, string>> {
    const refused = new Map<TakenUnit, string>();
    for (const unit of units) {
      const trial = this.#transaction(async (client, backendOf) => {
        await addOne(client, backendOf, unit, []);
        throw new TrialOver();
      });
      const error = await trial.catch((thrown: unknown) => thrown);
      if (error instanceof TrialOver) continue;
      if (!isRefusal(error)) throw error;
      refused.set(unit, error instanceof Error ? error.message : String(error));
    }
    return refused;
  }

  #addBatch(batch: string, units: readonly TakenUnit[]): Promise<BatchReport> {
    return this.#transaction(async (client, backendOf) => {
      const duplicates: Standing[] = [];
      const mark = ['spillway', `batch:${batch}`, String(Date.now())];
      if ((await client.query(MARK, mark)).rows.length === 0) return { added: 0, duplicates };
      const { rows } = await client.query<{ last: string }>('SELECT last_value AS last FROM event_seq');
      let added = 0;
      for (const unit of inOrderOfAdding(units)) {
        added += await addOne(client, backendOf, unit, duplicates);
      }
      // To its listeners a job has been in its queue all the time.
      await client.query(EVENTS_OF_OURS, [rows[0]?.last ?? '0']);
      return { added, duplicates };
    });
  }

  override async forgetBatch(): Promise<void> {
    // Not at once: a drain that was stopped for long may still come with it.
    await this.#query(BATCH_LEFT, ['spillway', String(Date.now() - BATCH_MS)]);
  }

  override async openWindows(keys: readonly EndingKey[]): Promise<true> {
    const now = Date.now();
    for (const { queue, id, job, until } of keys) {
      await this.#query(WINDOW, [splitQueue(queue).name, id, job, Math.ceil(until), now]);
    }
    return true;
  }

  override async reclaim(qualifiedName: string, jobId: string): Promise<boolean> {
    const { rows } = await this.#query(RECLAIM, [splitQueue(qualifiedName).name, jobId]);
    return rows.length > 0;
  }

  override async claimedWith(
    qualifiedName: string,
    tokens: ReadonlySet<string>,
  ): Promise<{ id: string; token: string }[]> {
    const given = [splitQueue(qualifiedName).name, [...tokens]];
    return (await this.#query<{ id: string; token: string }>(CLAIMED, given)).rows;
  }

  async #query<R>(text: string, values: unknown[]): Promise<{ rows: R[] }> {
    const connection = this.#connection();
    await this.calls.unlessLost(connection.waitUntilReady());
    return this.calls.unlessLost(connection.pool.query<R>(text, values));
  }

  #connection(): PostgresConnection {
    this.open();
    return this.#latest.connection!;
  }

  /** A pool listens only to those it has in hand; what nobody listens to ends the process. What it says the query says too. */
  #listenTo(client: Client): void {
    if (this.#heard.has(client)) return;
    this.#heard.add(client);
    client.on('error', () => undefined);
  }

  /** All of it or nothing. @param work gets the backends of queues within the transaction. */
  async #transaction<T>(
    work: (client: Client, backendOf: (queue: string) => IQueueBackend) => Promise<T>,
  ): Promise<T> {
    const connection = this.#connection();
    const { calls } = this;
    await calls.unlessLost(connection.waitUntilReady());
    const client = await calls.unlessLost(connection.pool.connect());
    this.#listenTo(client);
    let isDone = false;
    try {
      const backend = backendOn(withinTransaction(connection, client), this.#prefix, false);
      const backendOf = (queue: string) => this.siblingOf(backend, queue);
      const answer = await calls.unlessLost(
        (async () => {
          await client.query('BEGIN');
          const found = await work(client, backendOf);
          await client.query('COMMIT');
          return found;
        })(),
      );
      isDone = true;
      return answer;
    } finally {
      // With its connection goes what was begun: a server that hangs may never answer a ROLLBACK.
      client.release(!isDone);
    }
  }
}

/** BullMQ's own backend, so that what it writes is what it would write. */
function backendOn(connection: PostgresConnection, prefix: string, owns = true): PostgresQueueBackend {
  return new PostgresQueueBackend(connection, 'spillway', { prefix } as never, owns);
}

/** Of a connection BullMQ's backend uses no more than this. */
function withinTransaction(connection: PostgresConnection, client: Client): PostgresConnection {
  const within = {
    schema: connection.schema,
    pool: client,
    isClosing: undefined,
    waitUntilReady: async () => undefined,
  };
  return within as unknown as PostgresConnection;
}

/** Ends a transaction that only was to be tried. */
class TrialOver extends Error {}

/** Answers how many jobs it added; one that stands in the way of the unit is put to the duplicates. */
async function addOne(
  client: Client,
  backendOf: (queue: string) => IQueueBackend,
  { jobs, scheduler }: TakenUnit,
  duplicates: Standing[],
): Promise<number> {
  const [root] = jobs;
  if (root === undefined) return 0; // a scheduler that has come to its limit or end
  if (scheduler !== undefined) {
    const { queue, id, next, data, templateOpts } = scheduler;
    const { repeat, jobOpts } = scheduleNow(scheduler, root, Date.now());
    await backendOf(queue).addJobScheduler(id, next, data, templateOpts, repeat, jobOpts);
    return 0;
  }
  const known = (await client.query(PRESENT, [nameOf(root), root.id])).rows.length > 0;
  if (!known && (await addUnit(client, backendOf, jobs))) return jobs.length;
  duplicates.push({ queue: root.queue, job: root.id });
  return 0;
}

/** A job alone or a flow. False when another job stands for it by de-duplication. */
async function addUnit(
  client: Client,
  backendOf: (queue: string) => IQueueBackend,
  jobs: readonly TakenJob[],
): Promise<boolean> {
  const placed = jobs.map(taken => ({ ...taken, job: placedJob(taken) }));
  const [root] = placed as [TakenJob, ...TakenJob[]];
  if (jobs.length > 1) await backendOf(root.queue).addFlow(placed.map(flowEntry));
  else if ((await backendOf(root.queue).addJob(root.job, root.id)) !== root.id) return false;
  for (const taken of jobs) {
    await client.query(HISTORY, [nameOf(taken), taken.id, ...historyOf(taken)]);
    for (const [at, line] of taken.logs.entries()) {
      await client.query(LOG, [nameOf(taken), taken.id, at, line]);
    }
  }
  return true;
}

/** What puts it where it stands now; the rest follows. */
function placedJob(taken: TakenJob): JobJson {
  const { delay: _, priority: __, deduplicationId, debounceId: ___, ...job } = taken.job;
  const opts = optionsNow(taken, Date.now());
  const holdsKey = opts.deduplication !== undefined && deduplicationId !== undefined;
  return { ...job, opts, ...(holdsKey ? { deduplicationId } : {}) };
}

/** The columns that adding doesn't set, or sets to what put the job in its place. */
function historyOf({ job }: TakenJob): unknown[] {
  const trace = job.stacktrace as unknown;
  return [
    JSON.stringify(job.opts),
    job.delay ?? 0,
    job.priority ?? 0,
    job.attemptsMade,
    job.attemptsStarted ?? 0,
    job.stalledCounter ?? 0,
    job.processedOn ?? null,
    job.failedReason ?? null,
    trace ? (typeof trace === 'string' ? trace : JSON.stringify(trace)) : null,
    job.progress === undefined || job.progress === 0 ? null : JSON.stringify(job.progress),
    job.deferredFailure ?? null,
    job.deduplicationId ?? null,
  ];
}

function nameOf({ queue }: TakenJob): string {
  return splitQueue(queue).name;
}
