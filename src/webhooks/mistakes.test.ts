import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { createWebhookReceiver, githubSource, metaSource, type WebhookReceiver } from './index.ts';

/** What a program in JavaScript may write. */
const wrong = (value: unknown) => value as never;
const secrets = ['hunter2'];
const source = () => githubSource({ secrets });
const meta = () => metaSource({ secrets, verifyToken: 'token' });
const queue = { add: async () => {}, addBulk: async () => {} };
const job = { name: 'a', data: {} };
const body = Buffer.from('{"action":"opened"}');
const signature = `sha256=${createHmac('sha256', 'hunter2').update(body).digest('hex')}`;
const headers = { 'x-github-event': 'issues', 'x-github-delivery': 'd', 'x-hub-signature-256': signature };

const receiver = (made: unknown = job): WebhookReceiver =>
  createWebhookReceiver({ sources: [source(), meta()], queue, toJob: () => wrong(made) });
const refused = (text: string) => ({
  code: 'SPILLWAY_INVALID_OPTION',
  message: expect.stringContaining(text),
});

it.each<[string, () => unknown, string]>([
  ['a single secret', () => githubSource(wrong({ secret: 'hunter2' })), 'did you mean secrets?'],
  ['a misspelt token', () => metaSource(wrong({ secrets, verifytoken: 'x' })), 'did you mean verifyToken?'],
  [
    'a misspelt deadline',
    () => createWebhookReceiver(wrong({ sources: [source()], queue, toJob: () => job, deadlineMS: 5 })),
    'did you mean deadlineMs?',
  ],
  [
    'a challenge without a query',
    () => receiver().challenge('meta', wrong(undefined)),
    'query of a challenge must be an object',
  ],
])('%s is refused', (_name, make, text) => {
  expect(make).toThrow(expect.objectContaining(refused(text)));
  expect(make).not.toThrow(/hunter2/);
});

it.each<[string, () => Promise<unknown>, string]>([
  [
    'a body that was parsed',
    () => receiver().receive('github', headers, wrong({ action: 'opened' })),
    'read them before any parser',
  ],
  [
    'a body as a text',
    () => receiver().receive('github', headers, wrong(body.toString())),
    'rawBody of a delivery must be a Buffer',
  ],
  [
    'no headers',
    () => receiver().receive('github', wrong(undefined), body),
    'headers of a delivery must be an object',
  ],
  [
    'headers of fetch',
    () => receiver().receive('github', wrong(new Headers(headers)), body),
    'Object.fromEntries(headers)',
  ],
  [
    'no job',
    () => receiver(null).receive('github', headers, body),
    'toJob of a webhook receiver must be a function that returns',
  ],
  [
    'a promise of a job',
    () => receiver(Promise.resolve(job)).receive('github', headers, body),
    'and no promise',
  ],
])('a delivery with %s is refused, and says how to mend it', async (_name, receive, text) => {
  await expect(receive()).rejects.toMatchObject(refused(text));
});

it('a delivery that is none of these is taken', async () => {
  expect(await receiver().receive('github', headers, body)).toMatchObject({ id: 'github-d' });
});
