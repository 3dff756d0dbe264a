import type { JobsOptions, Processor } from 'bullmq';
import { UnrecoverableError } from 'bullmq';
import { z } from 'zod';
import type { WebhookEvent } from '../../src/webhooks/index.ts';
import { answerTo, tellCache } from './answering.ts';
import type { AutomationStore } from './automations.ts';
import type { CachedStore } from './cached.ts';
import { type Incoming, readIncoming } from './incoming.ts';

export const QUEUE = 'webhooks';

/** BullMQ's priorities: the smaller, the sooner. A story is gone in a day, a comment is public, a DM can wait. */
export const PRIORITY = { story: 1, comment: 2, dm: 3, issue: 4, other: 5 } as const;

export const WebhookJobData = z.object({
  source: z.enum(['github', 'meta']),
  /** What an automation can be triggered by. */
  kind: z.enum(['story', 'comment', 'dm', 'issue', 'other']),
  /** The sender's word for it, such as `issue_comment`. */
  event: z.string(),
  account: z.string(),
  receivedAt: z.number().int(),
  payload: z.unknown(),
});
export type WebhookJobData = z.infer<typeof WebhookJobData>;

export interface WebhookJobResult {
  automation: string | null;
  reply: string | null;
}

const HOURS = 3600;

/**
 * Finished jobs are also the memory that tells repeats: an id that is still there is not taken twice. Meta repeats for
 * 36 hours and GitHub lets one redeliver for three days, so three days it is.
 */
export const JOB_OPTIONS = {
  attempts: 3,
  backoff: { type: 'exponential', delay: 1000 },
  removeOnComplete: { age: 72 * HOURS, count: 100_000 },
  removeOnFail: { age: 14 * 24 * HOURS, count: 100_000 },
} satisfies JobsOptions;

const GITHUB_CONVERSATIONS = new Set([
  'commit_comment',
  'discussion',
  'discussion_comment',
  'issue_comment',
  'issues',
  'pull_request',
  'pull_request_review_comment',
]);

/** What is stored of one event, decided before the sender is answered; the rest is the processor's work. */
export function toJob(
  event: WebhookEvent,
  source: string,
): { name: string; data: WebhookJobData; priority: number } {
  const kind = kindOf(event, source);
  return {
    name: `${source}.${event.kind}`,
    data: {
      source: source as WebhookJobData['source'],
      kind,
      event: event.kind,
      account: event.account,
      receivedAt: Date.now(),
      payload: event.data,
    },
    priority: PRIORITY[kind],
  };
}

function kindOf(event: WebhookEvent, source: string): WebhookJobData['kind'] {
  if (source === 'github') return GITHUB_CONVERSATIONS.has(event.kind) ? 'issue' : 'other';
  return event.kind === 'story' || event.kind === 'comment' || event.kind === 'dm' ? event.kind : 'other';
}

/** Finds the automation of an event and records the reply it would send: once per job id, however often it runs. */
export function webhookProcessor(
  store: AutomationStore,
  cached: CachedStore,
): Processor<WebhookJobData, WebhookJobResult> {
  return async job => {
    const checked = WebhookJobData.safeParse(job.data);
    if (!checked.success)
      throw new UnrecoverableError(`Not a webhook job: ${z.prettifyError(checked.error)}`);
    const incoming = readIncoming(checked.data);
    const answer = incoming && (await answerTo(incoming, cached));
    const { automation = null, reply = null } = answer ?? {};
    await store.record({ jobId: job.id!, ...summaryOf(checked.data, incoming), automation, reply });
    if (incoming) await tellCache(incoming, cached);
    return { automation: automation?.name ?? null, reply };
  };
}

function summaryOf(data: WebhookJobData, incoming: Incoming | undefined) {
  return { kind: data.kind, account: data.account, contact: incoming?.contact ?? null } as const;
}
