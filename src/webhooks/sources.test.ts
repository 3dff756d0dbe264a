import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isSpillwayError } from '../shared/errors.ts';
import { githubSource, metaSource, type WebhookSource, webhookJobId } from './index.ts';

const SECRET = "It's a Secret to Everybody";
const BODY = Buffer.from('Hello, World!');

function sign(body: Buffer | string, secret = SECRET): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isSpillwayError(error, 'SPILLWAY_WEBHOOK_SIGNATURE')) return error.message;
    throw error;
  }
  return 'accepted';
}

describe.each<[string, (secrets: string[]) => WebhookSource]>([
  ['github', secrets => githubSource({ secrets })],
  ['meta', secrets => metaSource({ secrets, verifyToken: 'token' })],
])('%s signatures', (name, source) => {
  const verify = (header: string | readonly string[] | undefined, body = BODY, secrets = [SECRET]) =>
    source(secrets).verify(header === undefined ? {} : { 'x-hub-signature-256': header }, body);

  it("accepts the sender's own published example", () => {
    // From GitHub's "Validating webhook deliveries".
    const header = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
    expect(verify(header)).toEqual({ source: name, secretIndex: 0 });
  });

  it('accepts upper-case hex: the same bytes', () => {
    expect(verify(`sha256=${sign(BODY).slice(7).toUpperCase()}`)).toEqual({ source: name, secretIndex: 0 });
  });

  it('accepts either secret during a rotation and says which', () => {
    expect(verify(sign(BODY, 'new'), BODY, ['new', 'old']).secretIndex).toBe(0);
    expect(verify(sign(BODY, 'old'), BODY, ['new', 'old']).secretIndex).toBe(1);
    expect(refusal(() => verify(sign(BODY, 'older'), BODY, ['new', 'old']))).toMatch('does not match');
  });

  it.each<[string, string | readonly string[] | undefined]>([
    ['missing', undefined],
    ['empty', ''],
    ['a list', [sign(BODY), sign(BODY)]],
    ['sent twice, joined', `${sign(BODY)}, ${sign(BODY)}`],
    ['of another algorithm', sign(BODY).replace('sha256=', 'sha1=')],
    ['with an upper-case prefix', sign(BODY).replace('sha256=', 'SHA256=')],
    ['without prefix', sign(BODY).slice(7)],
    ['too short', sign(BODY).slice(0, -1)],
    ['too long', `${sign(BODY)}0`],
    ['not hex', `sha256=${'z'.repeat(64)}`],
    ['base64', `sha256=${createHmac('sha256', SECRET).update(BODY).digest('base64')}`],
    ['with a line feed', `${sign(BODY)}\n`],
    ['a prototype key', '__proto__'],
    ['a megabyte', `sha256=${'0'.repeat(1 << 20)}`],
  ])('refuses a header that is %s', (_what, header) => {
    expect(refusal(() => verify(header))).toMatch('X-Hub-Signature-256');
  });

  it('refuses a changed, re-serialised, cut or missing body', () => {
    const sent = '{"b": 1,  "a": 2}';
    const header = sign(sent);
    expect(refusal(() => verify(header, Buffer.from(sent)))).toBe('accepted');
    const others = [JSON.stringify(JSON.parse(sent)), `${sent}\n`, sent.slice(0, -1), ''];
    for (const body of others) {
      expect(refusal(() => verify(header, Buffer.from(body)))).toMatch('does not match');
    }
  });

  it('reads bytes, not text: two bodies that decode to the same text differ', () => {
    const bad1 = Buffer.from([0x22, 0xff, 0x22]);
    const bad2 = Buffer.from([0x22, 0xfe, 0x22]);
    expect(refusal(() => verify(sign(bad1), bad1))).toBe('accepted');
    expect(refusal(() => verify(sign(bad1), bad2))).toMatch('does not match');
  });

  it('never tells a secret', () => {
    expect(refusal(() => verify(sign(BODY, 'other')))).not.toContain(SECRET);
    expect(refusal(() => verify('x'))).not.toContain(SECRET);
  });

  it.each([[[]], [['']], [['good', '']]])('refuses to be built with secrets %j', secrets => {
    expect(() => source(secrets)).toThrow(expect.objectContaining({ code: 'SPILLWAY_INVALID_OPTION' }));
  });
});

describe('github events', () => {
  const source = githubSource({ secrets: [SECRET] });
  const headers = { 'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958', 'x-github-event': 'issues' };

  it('is one event a delivery, told apart by X-GitHub-Delivery', () => {
    const body = { action: 'opened', repository: { full_name: 'a/b' } };
    expect(source.deliveryId(headers, BODY)).toBe('72d3162e-cc78-11e3-81ab-4c9367dc0958');
    expect(source.events(headers, BODY, body)).toEqual([
      { key: '72d3162e-cc78-11e3-81ab-4c9367dc0958', kind: 'issues', account: 'a/b', data: body },
    ]);
  });

  it('falls back to the body for the id and to "unknown" for the event', () => {
    const [event] = source.events({ 'x-github-event': '<img onerror=x>' }, BODY, {});
    expect(event).toMatchObject({ kind: 'unknown', account: '' });
    expect(event?.key).toMatch(/^[0-9a-f]{64}$/);
    expect(event?.key).toBe(source.deliveryId({}, BODY));
  });
});

describe('meta events', () => {
  const source = metaSource({ secrets: [SECRET], verifyToken: 'agreed' });
  const events = (body: unknown) => source.events({}, Buffer.from(JSON.stringify(body)), body);
  const entry = (...messaging: unknown[]) => ({
    object: 'instagram',
    entry: [{ id: '178', time: 1, messaging }],
  });
  const message = (fields: object) => ({
    sender: { id: '1' },
    recipient: { id: '178' },
    timestamp: 2,
    message: fields,
  });

  it.each([
    ['story', { mid: 'm1', attachments: [{ type: 'story_mention', payload: { url: 'https://x' } }] }],
    ['story', { mid: 'm2', text: 'wow', reply_to: { story: { id: '9', url: 'https://x' } } }],
    ['dm', { mid: 'm3', text: 'hello' }],
    ['dm', { mid: 'm4', text: 'about that', reply_to: { mid: 'm3' } }],
    ['dm', { mid: 'm5', attachments: [{ type: 'image', payload: { url: 'https://x' } }] }],
    ['other', { mid: 'm6', text: 'our own reply', is_echo: true }],
  ])('tells a %s: %j', (kind, fields) => {
    expect(events(entry(message(fields)))).toMatchObject([{ key: fields.mid, kind, account: '178' }]);
  });

  it('reads comments in both documented places', () => {
    const value = { id: 'c1', from: { id: '2', username: 'ada' }, text: 'price?', media: { id: '3' } };
    const inChanges = {
      object: 'instagram',
      entry: [{ id: '178', changes: [{ field: 'comments', value }] }],
    };
    const inEntry = { object: 'instagram', entry: [{ id: '178', field: 'comments', value }] };
    expect(events(inChanges)).toEqual(events(inEntry));
    expect(events(inEntry)).toMatchObject([{ key: 'c1', kind: 'comment', account: '178', data: { value } }]);
  });

  it('makes a job of every message of several accounts, in order', () => {
    const body = {
      object: 'instagram',
      entry: [
        { id: '178', messaging: [message({ mid: 'a', text: '1' }), message({ mid: 'b', text: '2' })] },
        { id: '179', changes: [{ field: 'comments', value: { id: 'c', text: '3' } }] },
      ],
    };
    expect(events(body).map(event => [event.account, event.kind, event.key])).toEqual([
      ['178', 'dm', 'a'],
      ['178', 'dm', 'b'],
      ['179', 'comment', 'c'],
    ]);
  });

  it('makes a job of every WhatsApp message', () => {
    const value = { metadata: { phone_number_id: '5' }, messages: [{ id: 'wamid.A=' }, { id: 'wamid.B=' }] };
    const body = {
      object: 'whatsapp_business_account',
      entry: [{ id: '7', changes: [{ field: 'messages', value }] }],
    };
    expect(events(body)).toMatchObject([
      {
        key: 'wamid.A=',
        kind: 'dm',
        data: { value: { metadata: { phone_number_id: '5' }, messages: [{ id: 'wamid.A=' }] } },
      },
      { key: 'wamid.B=', kind: 'dm' },
    ]);
  });

  it('keeps what has no id of its own apart by content, not by the time of sending', () => {
    const read = { sender: { id: '1' }, recipient: { id: '178' }, timestamp: 5, read: { mid: 'm3' } };
    const [first] = events(entry(read));
    const [again] = events({ object: 'instagram', entry: [{ id: '178', time: 99, messaging: [read] }] });
    const [other] = events(entry({ ...read, timestamp: 6 }));
    expect(first).toMatchObject({ kind: 'other' });
    expect(again?.key).toBe(first?.key);
    expect(other?.key).not.toBe(first?.key);
  });

  it('does not take the deletion of a message for the message', () => {
    const [sent] = events(entry(message({ mid: 'm3', text: 'x' })));
    const [deleted] = events(entry(message({ mid: 'm3', is_deleted: true })));
    expect(deleted?.kind).toBe('other');
    expect(deleted?.key).not.toBe(sent?.key);
  });

  it.each([[{}], [{ entry: 'x' }], [{ entry: [null, 1, {}] }], [{ entry: [{ id: '1', messaging: {} }] }]])(
    'takes %j whole, as one other event',
    body => {
      expect(events(body)).toMatchObject([{ kind: 'other', data: body }]);
    },
  );

  it('has a delivery id that is the message id, or made of all of them', () => {
    const one = Buffer.from(JSON.stringify(entry(message({ mid: 'a' }))));
    const two = Buffer.from(JSON.stringify(entry(message({ mid: 'a' }), message({ mid: 'b' }))));
    expect(source.deliveryId({}, one)).toBe('a');
    expect(source.deliveryId({}, two)).toMatch(/^[0-9a-f]{64}$/);
    expect(source.deliveryId({}, two, JSON.parse(two.toString()))).toBe(source.deliveryId({}, two));
  });

  const challenge = (query: Record<string, unknown>) => () => source.challenge?.(query);
  const good = { 'hub.mode': 'subscribe', 'hub.verify_token': 'agreed', 'hub.challenge': '1158201444' };

  it('answers the challenge of whoever knows the token', () => {
    expect(challenge(good)()).toBe('1158201444');
  });

  it.each([
    { 'hub.mode': 'unsubscribe' },
    { 'hub.mode': undefined },
    { 'hub.verify_token': 'agree' },
    { 'hub.verify_token': 'agreed ' },
    { 'hub.verify_token': '' },
    { 'hub.verify_token': ['agreed'] },
    { 'hub.verify_token': undefined },
    { 'hub.challenge': undefined },
    { 'hub.challenge': 'x'.repeat(257) },
  ])('refuses the challenge with %j', change => {
    expect(refusal(challenge({ ...good, ...change }))).toMatch('hub.');
  });
});

describe('job ids', () => {
  it('fit BullMQ: no colon, no integer, the same for a repeat, another for another source', () => {
    const keys = [
      '72d3162e-cc78-11e3-81ab-4c9367dc0958',
      '17918195224117851',
      'aWdf:a+b/c==',
      'a'.repeat(500),
      '',
      '../x',
    ];
    const ids = keys.map(key => webhookJobId('meta', key));
    for (const id of ids) expect(id).toMatch(/^meta[-~][A-Za-z0-9._-]{1,64}$/);
    expect(ids[1]).toBe('meta-17918195224117851');
    expect(new Set(ids).size).toBe(keys.length);
    expect(keys.map(key => webhookJobId('meta', key))).toEqual(ids);
    expect(webhookJobId('github', keys[0]!)).not.toBe(ids[0]);
  });

  it('keep a hashed key apart from one that looks like its hash', () => {
    const hashed = webhookJobId('meta', 'a:b');
    expect(webhookJobId('meta', hashed.slice('meta~'.length))).not.toBe(hashed);
  });
});
