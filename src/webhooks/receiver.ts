import { isUtf8 } from 'node:buffer';
import { isSpillwayError, SpillwayError } from '../shared/errors.ts';
import { Deadline } from './deadline.ts';
import { webhookJobId } from './job-id.ts';
import { isRecord } from './json.ts';
import { checkDelivery, checkReceiverOptions, invalidOption } from './options.ts';
import { RecentIds } from './recent-ids.ts';
import type { WebhookEvent, WebhookHeaders, WebhookQuery, WebhookSource } from './source.ts';

/** One job to add. Its id is given; an id that exists already must be left alone, as BullMQ does. */
export interface WebhookJob<T> {
  name: string;
  data: T;
  opts: { jobId: string; priority?: number };
}

/** All this room knows of queues. A BullMQ Queue is one. Both resolve only when the jobs are durable. */
export interface WebhookQueue<T> {
  add(name: string, data: T, opts: WebhookJob<T>['opts']): Promise<unknown>;
  addBulk(jobs: WebhookJob<T>[]): Promise<unknown>;
}

export interface WebhookReceiverOptions<T> {
  sources: readonly WebhookSource[];
  queue: WebhookQueue<T>;
  /** Turns an event into a job. `priority` as in BullMQ: 1 is the most urgent, 0 or none before all. */
  toJob(event: WebhookEvent, source: string): { name: string; data: T; priority?: number };
  /** How long one delivery may wait for its durable write, in ms, up to an eighth more. At most 3600000, 0 for ever. Default 2000. */
  deadlineMs?: number;
  /** How many recent job ids at least are kept in memory, only to say `duplicate: true`. 1 to 10000000, default 10000. */
  remember?: number;
}

/** What is answered once the delivery is durable. */
export interface WebhookReceipt {
  /** The job's id; the first one's when there are several. */
  id: string;
  /** All ids, when one delivery told several events. */
  ids?: string[];
  /**
   * True when this process has already accepted every event of the delivery. A repeat of what another process
   * accepted, or this one before a restart, makes no second job either, but is not marked.
   */
  duplicate?: true;
}

export interface WebhookReceiver {
  /**
   * Verifies, parses and persists one delivery: one durable write, whatever the number of events.
   * @throws SpillwayError SPILLWAY_WEBHOOK_UNKNOWN_SOURCE, SPILLWAY_WEBHOOK_SIGNATURE, SPILLWAY_INVALID_PAYLOAD
   *   (signed, but not a JSON object), SPILLWAY_WEBHOOK_NOT_PERSISTED (the sender should try again).
   */
  receive(source: string, headers: WebhookHeaders, rawBody: Buffer): Promise<WebhookReceipt>;
  /** Answers a source's GET challenge. @throws as `receive`; UNKNOWN_SOURCE when the source asks none. */
  challenge(source: string, query: WebhookQuery): string;
}

const DEFAULTS = { deadlineMs: 2000, remember: 10_000 } satisfies Partial<WebhookReceiverOptions<unknown>>;
const SOURCE_NAME = /^[a-z][a-z0-9]*$/;

/** @throws SpillwayError SPILLWAY_INVALID_OPTION */
export function createWebhookReceiver<T>(options: WebhookReceiverOptions<T>): WebhookReceiver {
  checkReceiverOptions(options);
  const { queue, toJob } = options;
  const deadline = new Deadline(options.deadlineMs ?? DEFAULTS.deadlineMs);
  const accepted = new RecentIds(options.remember ?? DEFAULTS.remember);
  const sources = new Map<string, WebhookSource>();
  for (const source of options.sources) {
    if (!SOURCE_NAME.test(source.name) || sources.has(source.name)) {
      throw new SpillwayError(
        'SPILLWAY_INVALID_OPTION',
        `A source's name must be its own, lower-case letters and digits, a letter first (received "${source.name}").`,
        { details: { option: 'sources' } },
      );
    }
    sources.set(source.name, source);
  }

  function sourceNamed(name: string): WebhookSource {
    const source = sources.get(name);
    if (source !== undefined) return source;
    throw new SpillwayError(
      'SPILLWAY_WEBHOOK_UNKNOWN_SOURCE',
      `There is no such webhook source. Known: ${[...sources.keys()].join(', ')}.`,
    );
  }

  function jobOf(event: WebhookEvent, source: string): WebhookJob<T> {
    const job: unknown = toJob(event, source);
    if (typeof job !== 'object' || job === null || job instanceof Promise) {
      const range = 'a function that returns { name, data }, and no promise';
      throw invalidOption('a webhook receiver', 'toJob', range, job instanceof Promise ? 'one' : job);
    }
    const { name, data, priority } = job as ReturnType<typeof toJob>;
    const jobId = webhookJobId(source, event.key);
    return { name, data, opts: priority === undefined ? { jobId } : { jobId, priority } };
  }

  async function durable(write: Promise<unknown>): Promise<void> {
    try {
      await deadline.bound(write);
    } catch (error) {
      throw notPersisted(error);
    }
  }

  return {
    async receive(name, headers, rawBody) {
      const source = sourceNamed(name);
      checkDelivery(headers, rawBody);
      source.verify(headers, rawBody);
      const events = eventsOf(source, headers, rawBody);
      const [first, ...others] = events;
      if (others.length === 0) {
        const { name: jobName, data, opts } = jobOf(first!, name);
        await durable(queue.add(jobName, data, opts));
        return accepted.note(opts.jobId) ? { id: opts.jobId } : { id: opts.jobId, duplicate: true };
      }
      const jobs = events.map(event => jobOf(event, name));
      await durable(queue.addBulk(jobs));
      const ids = [...new Set(jobs.map(job => job.opts.jobId))];
      const fresh = ids.filter(id => accepted.note(id));
      return { id: ids[0]!, ids, ...(fresh.length === 0 ? { duplicate: true as const } : {}) };
    },
    challenge(name, query) {
      const source = sourceNamed(name);
      if (source.challenge !== undefined) return source.challenge(query);
      throw new SpillwayError('SPILLWAY_WEBHOOK_UNKNOWN_SOURCE', `${name} asks no challenge; send a POST.`);
    },
  };
}

function eventsOf(source: WebhookSource, headers: WebhookHeaders, rawBody: Buffer): readonly WebhookEvent[] {
  let body: unknown;
  try {
    body = isUtf8(rawBody) ? JSON.parse(rawBody.toString('utf8')) : undefined;
  } catch {
    body = undefined; // the message would quote the body
  }
  if (!isRecord(body)) {
    throw new SpillwayError(
      'SPILLWAY_INVALID_PAYLOAD',
      `${source.name}: the signature is good, but the body is not a JSON object. Set the webhook to application/json.`,
    );
  }
  try {
    return source.events(headers, rawBody, body);
  } catch (error) {
    throw error instanceof RangeError ? tooDeep(error) : error;
  }
}

/** What the failure of the one durable write means for the sender. */
function notPersisted(error: unknown): Error {
  if (error instanceof RangeError) return tooDeep(error);
  if (isSpillwayError(error, 'SPILLWAY_INVALID_PAYLOAD') || isSpillwayError(error, 'SPILLWAY_INVALID_JOB'))
    return error;
  // Past the deadline the write may still happen. The sender's retry has the same job id, so that is no second job.
  return new SpillwayError(
    'SPILLWAY_WEBHOOK_NOT_PERSISTED',
    'The delivery could not be stored. Send it again.',
    {
      cause: error,
    },
  );
}

/** JSON.parse takes any depth, JSON.stringify runs out of stack at some thousand levels. */
function tooDeep(cause: RangeError): SpillwayError {
  return new SpillwayError('SPILLWAY_INVALID_PAYLOAD', 'The body is nested too deeply to be stored.', {
    cause,
  });
}
