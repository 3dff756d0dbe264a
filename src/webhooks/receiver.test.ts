import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SpillwayError } from '../shared/errors.ts';
import {
  createWebhookReceiver,
  githubSource,
  metaSource,
  type WebhookJob,
  type WebhookReceiverOptions,
  webhookRetryAfter,
  webhookStatus,
} from './index.ts';

const SECRET = 'secret';

interface Data {
  kind: string;
  data: unknown;
}

/** A queue as BullMQ is one: a known id is left alone. */
function memoryQueue() {
  const jobs = new Map<string, WebhookJob<Data>>();
  const writes: number[] = [];
  const take = (job: WebhookJob<Data>) => {
    if (!jobs.has(job.opts.jobId)) jobs.set(job.opts.jobId, job);
  };
  return {
    jobs,
    writes,
    async add(name: string, data: Data, opts: WebhookJob<Data>['opts']) {
      writes.push(1);
      take({ name, data, opts });
    },
    async addBulk(bulk: WebhookJob<Data>[]) {
      writes.push(bulk.length);
      bulk.forEach(take);
    },
  };
}

function setUp(options: Partial<WebhookReceiverOptions<Data>> = {}) {
  const queue = memoryQueue();
  const receiver = createWebhookReceiver<Data>({
    sources: [githubSource({ secrets: [SECRET] }), metaSource({ secrets: [SECRET], verifyToken: 'agreed' })],
    queue,
    toJob: event => ({ name: event.kind, data: { kind: event.kind, data: event.data }, priority: 3 }),
    ...options,
  });
  const send = (source: string, body: string | Buffer, headers: Record<string, string> = {}) => {
    const rawBody = Buffer.from(body);
    const signature = `sha256=${createHmac('sha256', SECRET).update(rawBody).digest('hex')}`;
    return receiver.receive(source, { 'x-hub-signature-256': signature, ...headers }, rawBody);
  };
  return { queue, receiver, send };
}

const messages = (...mids: string[]) =>
  JSON.stringify({ entry: [{ id: '1', messaging: mids.map(mid => ({ message: { mid, text: 'x' } })) }] });

describe('a webhook receiver', () => {
  it('stores one job with the id of the delivery and the priority of the app', async () => {
    const { queue, send } = setUp();
    const receipt = await send('github', '{"a":1}', { 'x-github-delivery': 'd-1', 'x-github-event': 'ping' });
    expect(receipt).toEqual({ id: 'github-d-1' });
    expect([...queue.jobs.values()]).toEqual([
      { name: 'ping', data: { kind: 'ping', data: { a: 1 } }, opts: { jobId: 'github-d-1', priority: 3 } },
    ]);
  });

  it('stores several events in one write and names them all', async () => {
    const { queue, send } = setUp();
    expect(await send('meta', messages('a', 'b'))).toEqual({ id: 'meta-a', ids: ['meta-a', 'meta-b'] });
    expect(queue.writes).toEqual([2]);
  });

  it('marks repeats, also a regrouped one, and makes no second job', async () => {
    const { queue, send } = setUp();
    await send('meta', messages('a', 'b'));
    expect(await send('meta', messages('b'))).toEqual({ id: 'meta-b', duplicate: true });
    expect(await send('meta', messages('b', 'c'))).toEqual({ id: 'meta-b', ids: ['meta-b', 'meta-c'] });
    expect(await send('meta', messages('c', 'c'))).toEqual({
      id: 'meta-c',
      ids: ['meta-c'],
      duplicate: true,
    });
    expect([...queue.jobs.keys()]).toEqual(['meta-a', 'meta-b', 'meta-c']);
  });

  it('writes repeats too, so that a redelivery mends a store that lost the first', async () => {
    const { queue, send } = setUp();
    await send('meta', messages('a'));
    queue.jobs.clear();
    await send('meta', messages('a'));
    expect(queue.jobs.size).toBe(1);
  });

  it('calls exactly one of 50 at once the first', async () => {
    const { queue, send } = setUp();
    const receipts = await Promise.all(Array.from({ length: 50 }, () => send('meta', messages('a'))));
    expect(receipts.filter(receipt => receipt.duplicate !== true)).toHaveLength(1);
    expect(queue.jobs.size).toBe(1);
  });

  it('does not call a delivery a repeat of one that was not stored', async () => {
    const queue = memoryQueue();
    const answers = [() => Promise.reject(new Error('full')), () => Promise.resolve()];
    const { send } = setUp({ queue: { ...queue, add: () => answers.shift()!() } });
    await expect(send('meta', messages('a'))).rejects.toMatchObject({
      code: 'SPILLWAY_WEBHOOK_NOT_PERSISTED',
    });
    expect(await send('meta', messages('a'))).toEqual({ id: 'meta-a' });
  });

  it('forgets the oldest ids it could mark', async () => {
    const { send } = setUp({ remember: 2 });
    for (const mid of ['a', 'b', 'c', 'd', 'e']) await send('meta', messages(mid));
    expect(await send('meta', messages('e'))).toHaveProperty('duplicate');
    expect(await send('meta', messages('a'))).not.toHaveProperty('duplicate');
  });

  it('tells when to come again, as the engine has said', async () => {
    const away = new SpillwayError('SPILLWAY_UNAVAILABLE', 'nothing can keep it', {
      details: { retryAfter: 7 },
    });
    const { send } = setUp({ queue: { ...memoryQueue(), add: () => Promise.reject(away) } });
    const error = await send('meta', messages('a')).catch((thrown: unknown) => thrown);
    expect([webhookStatus(error), webhookRetryAfter(error)]).toEqual([503, 7]);
    expect([webhookStatus(away), webhookRetryAfter(away)]).toEqual([503, 7]);
    expect(webhookRetryAfter(new Error('any'))).toBe(5);
  });

  it('does not wait for a dead store beyond its deadline', async () => {
    const { send } = setUp({ deadlineMs: 1, queue: { ...memoryQueue(), add: () => new Promise(() => {}) } });
    const error = await send('meta', messages('a')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'SPILLWAY_WEBHOOK_NOT_PERSISTED' });
    expect(webhookStatus(error)).toBe(503);
  });

  it('never touches the queue before the signature is good', async () => {
    const { queue, send } = setUp();
    const bad = send('github', '{}', { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` });
    await expect(bad).rejects.toSatisfy(error => webhookStatus(error) === 401);
    await expect(send('nobody', '{}')).rejects.toSatisfy(error => webhookStatus(error) === 404);
    await expect(send('constructor', '{}')).rejects.toSatisfy(error => webhookStatus(error) === 404);
    expect(queue.writes).toEqual([]);
  });

  it.each([
    ['text', 'payload=%7B%7D'],
    ['nothing', ''],
    ['a list', '[]'],
    ['a scalar', '1'],
    ['null', 'null'],
    ['a half', '{"a":'],
    ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ])('refuses a signed body that is %s', async (_what, body) => {
    const { queue, send } = setUp();
    for (const source of ['github', 'meta']) {
      await expect(send(source, body)).rejects.toSatisfy(error => webhookStatus(error) === 400);
    }
    expect(queue.writes).toEqual([]);
  });

  it('blames the body, not the store, for what can not be stored', async () => {
    const stringify = async (_name: string, data: Data) => JSON.stringify(data);
    const refuse = async () => {
      throw new SpillwayError('SPILLWAY_INVALID_PAYLOAD', 'no');
    };
    const deep = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    const deepMeta = `{"entry":[{"messaging":[${deep}]}]}`;
    const { send } = setUp({ queue: { ...memoryQueue(), add: stringify } });
    await expect(send('github', deep)).rejects.toSatisfy(error => webhookStatus(error) === 400);
    await expect(send('meta', deepMeta)).rejects.toSatisfy(error => webhookStatus(error) === 400);
    const refusing = setUp({ queue: { ...memoryQueue(), add: refuse } });
    await expect(refusing.send('github', '{}')).rejects.toSatisfy(error => webhookStatus(error) === 400);
  });

  it('answers a challenge where the source has one', () => {
    const { receiver } = setUp();
    const query = { 'hub.mode': 'subscribe', 'hub.verify_token': 'agreed', 'hub.challenge': '42' };
    expect(receiver.challenge('meta', query)).toBe('42');
    expect(() => receiver.challenge('github', query)).toThrow('no challenge');
    expect(() => receiver.challenge('nobody', query)).toThrow('no such webhook source');
  });

  it('refuses sources whose names do not fit or repeat', () => {
    const source = githubSource({ secrets: [SECRET] });
    expect(() => setUp({ sources: [source, source] })).toThrow('must be its own');
    expect(() => setUp({ sources: [{ ...source, name: 'git-hub' }] })).toThrow('git-hub');
  });
});
