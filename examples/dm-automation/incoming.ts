import { z } from 'zod';
import type { WebhookJobData } from './jobs.ts';

/** What somebody said to us, whatever the source it came through. */
export interface Incoming {
  kind: Exclude<WebhookJobData['kind'], 'other'>;
  account: string;
  contact: { id: string; name: string };
  text: string;
}

const MetaMessage = z.object({
  sender: z.object({ id: z.string() }),
  message: z.object({ text: z.string().default('') }),
});

const MetaComment = z.object({
  value: z.object({
    from: z.object({ id: z.string(), username: z.string().default('') }),
    text: z.string().default(''),
  }),
});

const WhatsappMessage = z.object({
  value: z.object({
    contacts: z.array(z.object({ profile: z.object({ name: z.string() }) })).default([]),
    messages: z.tuple([
      z.object({ from: z.string(), text: z.object({ body: z.string() }).default({ body: '' }) }),
    ]),
  }),
});

const Words = z.object({ body: z.string().nullish(), title: z.string().nullish() });

const GithubEvent = z.object({
  action: z.string().default(''),
  sender: z.object({ login: z.string(), type: z.string() }),
  comment: Words.optional(),
  issue: Words.optional(),
  discussion: Words.optional(),
  pull_request: Words.optional(),
});

/** Actions by which a person says something new; the rest are labels, edits, housekeeping. */
const SAYING = new Set(['created', 'opened', 'reopened']);

/** Reads the event of a job; `undefined` when there is nobody to answer: our own words, a robot's, no words at all. */
export function readIncoming(job: WebhookJobData): Incoming | undefined {
  if (job.kind === 'other') return undefined;
  const said = job.source === 'github' ? readGithub(job.payload) : readMeta(job.payload);
  // Answering ourselves would go on for ever.
  if (said === undefined || said.contact.id === job.account) return undefined;
  return { kind: job.kind, account: job.account, ...said };
}

function readGithub(payload: unknown): Pick<Incoming, 'contact' | 'text'> | undefined {
  const { data } = GithubEvent.safeParse(payload);
  if (data === undefined || !SAYING.has(data.action) || data.sender.type === 'Bot') return undefined;
  const words = data.comment ?? data.discussion ?? data.pull_request ?? data.issue;
  const text = [words?.title, words?.body].filter(part => typeof part === 'string').join('\n');
  return { contact: { id: data.sender.login, name: data.sender.login }, text };
}

function readMeta(payload: unknown): Pick<Incoming, 'contact' | 'text'> | undefined {
  const message = MetaMessage.safeParse(payload).data;
  if (message !== undefined) {
    return { contact: { id: message.sender.id, name: '' }, text: message.message.text };
  }
  const comment = MetaComment.safeParse(payload).data?.value;
  if (comment !== undefined) {
    return { contact: { id: comment.from.id, name: comment.from.username }, text: comment.text };
  }
  const whatsapp = WhatsappMessage.safeParse(payload).data?.value;
  if (whatsapp === undefined) return undefined;
  const [{ from, text }] = whatsapp.messages;
  return { contact: { id: from, name: whatsapp.contacts[0]?.profile.name ?? '' }, text: text.body };
}
