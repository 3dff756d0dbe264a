import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { z } from 'zod';

/** One webhook ready to be signed and sent. */
export interface Delivery {
  source: 'github' | 'meta';
  headers: Record<string, string>;
  body: string;
}

/** The demo's Instagram account. */
const ACCOUNT = '17841400000000001';

const Recorded = z.array(
  z.object({ name: z.string(), examples: z.array(z.record(z.string(), z.unknown())) }),
);

/** Every payload GitHub sent to those who recorded `@octokit/webhooks-examples`; `run` makes the delivery ids new. */
export function githubDeliveries(run: string): Delivery[] {
  const file = createRequire(import.meta.url).resolve('@octokit/webhooks-examples');
  const recorded = Recorded.parse(JSON.parse(readFileSync(file, 'utf8')));
  return recorded.flatMap(({ name, examples }) =>
    examples.map((example, index) => ({
      source: 'github',
      headers: { 'x-github-event': name, 'x-github-delivery': `${run}-${name}-${index}` },
      body: JSON.stringify(example),
    })),
  );
}

/** Instagram's events in the form Meta documents; `run` makes their ids new. */
export function metaDeliveries(run: string): Delivery[] {
  const dm = (index: number, text: string) => instagramMessage(`${run}.dm.${index}`, { text });
  const direct = DIRECT_MESSAGES.map((text, index) => instagram({ messaging: [dm(index, text)] }));
  const comments = COMMENTS.map(([username, text], index) =>
    instagram({ changes: [instagramComment(`${run}.comment.${index}`, username, text)] }),
  );
  const stories = [
    instagram({ messaging: [storyMention(`${run}.story.0`)] }),
    instagram({ messaging: [storyReply(`${run}.story.1`, 'Love this one!')] }),
    instagram({ messaging: [storyMention(`${run}.story.2`)] }),
  ];
  // Meta may put several events into one delivery.
  const several = instagram({
    messaging: [dm(100, 'Are you open on Monday?'), storyMention(`${run}.story.3`)],
  });
  return [...direct, ...comments, ...stories, several];
}

const DIRECT_MESSAGES = [
  'Hello! What are your opening hours?',
  'Are you closed on Sunday?',
  'I need help with my order',
  'Can I talk to a human please',
  'Thanks!',
];

const COMMENTS = [
  ['ada.lovelace', 'How much is the blue one?'],
  ['grace', 'PRICE?'],
  ['linus', 'Where can I get this?'],
  ['margaret', 'Priceless!'],
  ['ken', 'Link please'],
] as const;

function instagram(content: object): Delivery {
  return {
    source: 'meta',
    headers: {},
    body: JSON.stringify({ object: 'instagram', entry: [{ id: ACCOUNT, time: Date.now(), ...content }] }),
  };
}

/** A direct message, as the `messages` field sends it. */
export function instagramMessage(mid: string, message: object) {
  return {
    sender: { id: '1254459154682919' },
    recipient: { id: ACCOUNT },
    timestamp: Date.now(),
    message: { mid, ...message },
  };
}

/** Somebody mentions the account in a story. */
export function storyMention(mid: string) {
  const url = 'https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=17873440459141021';
  return instagramMessage(mid, { attachments: [{ type: 'story_mention', payload: { url } }] });
}

/** Somebody answers one of the account's stories. */
export function storyReply(mid: string, text: string) {
  const url = 'https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=17873440459141022';
  return instagramMessage(mid, { text, reply_to: { story: { url, id: '17850000000000001' } } });
}

/** A comment, as the `comments` field sends it. */
export function instagramComment(id: string, username: string, text: string) {
  const media = { id: '17887498072083520', media_product_type: 'FEED' };
  return { field: 'comments', value: { id, from: { id: `4420${username.length}`, username }, media, text } };
}

/** One Meta delivery of these messaging items, for tests and for hand-made trials. */
export function metaMessages(...messaging: object[]): Delivery {
  return instagram({ messaging });
}

/** One Meta delivery of these changes. */
export function metaChanges(...changes: object[]): Delivery {
  return instagram({ changes });
}

/** The headers of a delivery with its signature: what the sender's own servers would put on the wire. */
export function signedHeaders({ headers, body }: Delivery, secret: string): Record<string, string> {
  return {
    'content-type': 'application/json',
    'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    ...headers,
  };
}
