import { hubSignatureVerifier } from './hub-signature.ts';
import { isRecord, type JsonRecord, listAt, textAt } from './json.ts';
import { invalidOption, refuseUnknown } from './options.ts';
import { contentId, equalSecrets, signatureError } from './signature.ts';
import type { WebhookEvent, WebhookSource } from './source.ts';

export interface MetaSourceOptions {
  /** The app secret; several while it is being rotated, the newest first. */
  secrets: readonly string[];
  /** The token agreed on in the app's dashboard, for the GET that proves the address is yours. */
  verifyToken: string;
}

/** What a Meta event is: a story mention or a reply to a story, a comment, a direct message, or anything else. */
export type MetaKind = 'story' | 'comment' | 'dm' | 'other';

/** Longest challenge answered; Meta sends about ten digits. */
const MAX_CHALLENGE = 256;

/**
 * Meta: Instagram messages, comments and story mentions, and WhatsApp messages.
 *
 * One delivery may carry many events of several accounts, and a retry may group them anew. So each event is a job
 * of its own, told apart by its own id: the message id (mid, wamid), the comment id. What has no id of its own
 * (a read receipt, a reaction) is told apart by its content, without the time of sending. Throws SPILLWAY_INVALID_OPTION.
 */
export function metaSource(options: MetaSourceOptions): WebhookSource {
  refuseUnknown('the source meta', options, ['secrets', 'verifyToken']);
  const { secrets, verifyToken } = options ?? {};
  if (typeof verifyToken !== 'string' || verifyToken === '')
    throw invalidOption('the source meta', 'verifyToken', 'a text that is not empty', verifyToken);
  return {
    name: 'meta',
    verify: hubSignatureVerifier('meta', secrets),
    deliveryId(_headers, rawBody, body = JSON.parse(rawBody.toString('utf8'))) {
      const [first, ...others] = metaEvents(rawBody, body);
      return others.length === 0
        ? first.key
        : contentId([first, ...others].map(event => event.key).join('\n'));
    },
    events: (_headers, rawBody, body) => metaEvents(rawBody, body),
    challenge(query) {
      if (typeof query !== 'object' || query === null)
        throw invalidOption('a challenge', 'query', 'an object, the query of the GET', query);
      const { 'hub.mode': mode, 'hub.verify_token': token, 'hub.challenge': challenge } = query;
      if (mode !== 'subscribe' || typeof token !== 'string' || !equalSecrets(token, verifyToken)) {
        throw signatureError('meta', 'hub.mode must be "subscribe" and hub.verify_token the agreed one.');
      }
      if (typeof challenge !== 'string' || challenge.length === 0 || challenge.length > MAX_CHALLENGE) {
        throw signatureError('meta', `hub.challenge must have 1 to ${MAX_CHALLENGE} characters.`);
      }
      return challenge;
    },
  };
}

function metaEvents(rawBody: Buffer, body: unknown): [WebhookEvent, ...WebhookEvent[]] {
  const events: WebhookEvent[] = [];
  for (const entry of listAt(body, 'entry')) {
    if (!isRecord(entry)) continue;
    const account = textAt(entry, 'id');
    for (const item of listAt(entry, 'messaging')) events.push(messagingEvent(account, item));
    for (const change of listAt(entry, 'changes')) events.push(...changeEvents(account, change));
    // With Business Login for Instagram the one change stands in the entry itself.
    if (typeof entry.field === 'string') {
      events.push(...changeEvents(account, { field: entry.field, value: entry.value }));
    }
  }
  const [first, ...others] = events;
  // Signed but of a form we do not know: still taken, whole. A sender must not be told off for a new feature.
  return first === undefined
    ? [{ key: contentId(rawBody), kind: 'other', account: '', data: body }]
    : [first, ...others];
}

function messagingEvent(account: string, item: unknown): WebhookEvent {
  const message = isRecord(item) ? item.message : undefined;
  const mid = textAt(message, 'mid');
  // A deleted message carries the id of the message it deletes: it is another event and needs another key.
  if (!isRecord(message) || mid === '' || message.is_deleted === true) {
    return { key: ownId(account, item), kind: 'other', account, data: item };
  }
  return { key: mid, kind: messageKind(message), account, data: item };
}

function messageKind(message: JsonRecord): MetaKind {
  if (message.is_echo === true) return 'other';
  const replyTo = message.reply_to;
  if (isRecord(replyTo) && isRecord(replyTo.story)) return 'story';
  const mentions = listAt(message, 'attachments').some(file => textAt(file, 'type') === 'story_mention');
  return mentions ? 'story' : 'dm';
}

function changeEvents(account: string, change: unknown): WebhookEvent[] {
  const field = textAt(change, 'field');
  const value = isRecord(change) ? change.value : undefined;
  if (field === 'comments' || field === 'live_comments') {
    const id = textAt(value, 'id');
    if (id !== '') return [{ key: id, kind: 'comment', account, data: change }];
  }
  const messages = field === 'messages' ? listAt(value, 'messages') : [];
  if (messages.length === 0) return [{ key: ownId(account, change), kind: 'other', account, data: change }];
  // WhatsApp: several messages in one change share its metadata and contacts.
  return messages.map(message => ({
    key: textAt(message, 'id') || ownId(account, message),
    kind: 'dm',
    account,
    data: { field, value: { ...(value as JsonRecord), messages: [message] } },
  }));
}

function ownId(account: string, item: unknown): string {
  return contentId(`${account}\n${JSON.stringify(item)}`);
}
