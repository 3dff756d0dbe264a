import type { QueueEvents } from 'bullmq';
import { z } from 'zod';
import type { Spillway } from '../../src/index.ts';
import { QUEUE } from './jobs.ts';
import { type Delivery, signedHeaders } from './payloads.ts';

export interface ReplayCounts {
  sent: number;
  accepted: number;
  duplicates: number;
  /** Answered with anything but 202. */
  refused: number;
}

export interface Replay extends ReplayCounts {
  /** The jobs that were made, each once. */
  ids: string[];
}

const Receipt = z.object({
  id: z.string(),
  ids: z.array(z.string()).optional(),
  duplicate: z.boolean().optional(),
});

/** Sends the deliveries through HTTP as their senders would, `parallel` at a time, and counts the answers. */
export async function replay(
  url: string,
  deliveries: readonly Delivery[],
  secrets: Record<Delivery['source'], string>,
  onProgress: (done: number) => void = () => {},
  parallel = 16,
): Promise<Replay> {
  const counts: ReplayCounts = { sent: 0, accepted: 0, duplicates: 0, refused: 0 };
  const ids = new Set<string>();
  const queue = deliveries.values();
  const sender = async () => {
    for (const delivery of queue) {
      const answer = await fetch(`${url}/webhooks/${delivery.source}`, {
        method: 'POST',
        headers: signedHeaders(delivery, secrets[delivery.source]),
        body: delivery.body,
      });
      const body: unknown = await answer.json();
      counts.sent += 1;
      if (answer.status === 202) {
        const receipt = Receipt.parse(body);
        counts.accepted += 1;
        if (receipt.duplicate === true) counts.duplicates += 1;
        for (const id of receipt.ids ?? [receipt.id]) ids.add(id);
      } else counts.refused += 1;
      onProgress(counts.sent);
    }
  };
  await Promise.all(Array.from({ length: parallel }, sender));
  return { ...counts, ids: [...ids] };
}

/** How often jobs whose event was not seen are looked up, in ms. */
const LOOK_UP_EVERY = 500;

/** Follows jobs to their end. Start it before they are added, or the first ends are found out only by looking up. */
export class JobWatch {
  readonly #spillway: Spillway;
  readonly #events: QueueEvents;
  readonly #ended = new Map<string, 'completed' | 'failed'>();
  #wake: () => void = () => {};

  constructor(spillway: Spillway) {
    this.#spillway = spillway;
    this.#events = spillway.queueEvents(QUEUE);
    this.#events.on('completed', ({ jobId }) => this.#end(jobId, 'completed'));
    // A job's attempts that are to be repeated emit no `failed`: that is the last one.
    this.#events.on('failed', ({ jobId }) => this.#end(jobId, 'failed'));
  }

  async ready(): Promise<void> {
    await this.#events.waitUntilReady();
  }

  #end(jobId: string, how: 'completed' | 'failed'): void {
    this.#ended.set(jobId, how);
    this.#wake();
  }

  /** Waits until every one of these jobs has ended. */
  async ended(ids: readonly string[]): Promise<{ processed: number; failed: number }> {
    const timer = setInterval(() => void this.#lookUp(ids).catch(() => {}), LOOK_UP_EVERY);
    try {
      while (ids.some(id => !this.#ended.has(id))) {
        await new Promise<void>(resolve => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearInterval(timer);
    }
    const failed = ids.filter(id => this.#ended.get(id) === 'failed').length;
    return { processed: ids.length - failed, failed };
  }

  async #lookUp(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      if (this.#ended.has(id)) continue;
      const job = await this.#spillway.job(QUEUE, id);
      // Gone means finished and cleaned up by age or count.
      const state = job === undefined ? 'completed' : job.state;
      if (state === 'completed' || state === 'failed') this.#end(id, state);
    }
  }

  async close(): Promise<void> {
    await this.#events.close();
  }
}
