import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { App } from './app.ts';
import { JOB_OPTIONS, QUEUE, WebhookJobData } from './jobs.ts';
import { instagramMessage, metaMessages, signedHeaders, storyMention } from './payloads.ts';
import { ENGINES, githubDelivery, type Place, placeFor, post, SECRETS, startTestApp } from './testing.ts';

const BODY_LIMIT = 64 * 1024;

describe.each(ENGINES)('the webhook server on %s', engine => {
  let place: Place;
  let app: App;

  beforeAll(async () => {
    place = await placeFor(engine);
    app = await startTestApp(place, { server: { bodyLimit: BODY_LIMIT, requestTimeoutMs: 400 } });
  });
  afterAll(async () => {
    await app?.close();
    await place?.release();
  });

  const total = async () => (await app.spillway.stats()).queues[QUEUE]?.total;
  const stateOf = async (id: unknown) => {
    const answer = await fetch(`${app.url}/api/jobs/${id}`);
    return ((await answer.json()) as { state: string }).state;
  };

  /** Writes raw bytes, reads until the server closes or `until` has come. */
  async function raw(start: string, until = '\r\n\r\n'): Promise<string> {
    const socket = connect(app.port, '127.0.0.1');
    let received = '';
    socket.write(start);
    for await (const chunk of socket) {
      received += chunk;
      if (received.includes(until)) break;
    }
    return received;
  }

  it('answers 202 with the id of a job that is done a moment later', async () => {
    const answer = await post(
      app.url,
      metaMessages(instagramMessage('mid.hours', { text: 'Opening hours?' })),
    );
    expect(answer).toMatchObject({ status: 202, body: { id: 'meta-mid.hours' } });
    await vi.waitFor(async () => expect(await stateOf('meta-mid.hours')).toBe('completed'));
    const job = await (await fetch(`${app.url}/api/jobs/meta-mid.hours`)).json();
    expect(job).toMatchObject({
      id: 'meta-mid.hours',
      name: 'meta.dm',
      queue: QUEUE,
      attemptsMade: 1,
      timestamps: { created: expect.any(Number), started: expect.any(Number), finished: expect.any(Number) },
      returnvalue: { automation: 'Opening hours', reply: expect.stringContaining('We are open') },
    });
    // What strangers wrote is not for everyone who may see how a job is doing.
    expect(job).not.toHaveProperty('data');
  });

  it('makes one job an event of a delivery, and names them all', async () => {
    const several = metaMessages(instagramMessage('mid.two', { text: 'Hello' }), storyMention('mid.three'));
    const { status, body } = await post(app.url, several);
    expect({ status, body }).toEqual({
      status: 202,
      body: { id: 'meta-mid.two', ids: ['meta-mid.two', 'meta-mid.three'] },
    });
    await vi.waitFor(async () => expect(await stateOf('meta-mid.three')).toBe('completed'));
  });

  it('takes the same delivery 50 times at once: one job, 2xx for all', async () => {
    const before = await total();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => post(app.url, githubDelivery('storm'))),
    );
    expect(new Set(answers.map(answer => answer.status))).toEqual(new Set([202]));
    expect(new Set(answers.map(answer => answer.body.id))).toEqual(new Set(['github-storm']));
    expect(answers.filter(answer => answer.body.duplicate !== true)).toHaveLength(1);
    expect(await total()).toBe(before! + 1);
    await vi.waitFor(async () => expect(await stateOf('github-storm')).toBe('completed'));
    expect(app.store.recordedJobs().filter(id => id === 'github-storm')).toHaveLength(1);
    // Also once the job is finished.
    expect(await post(app.url, githubDelivery('storm'))).toMatchObject({
      status: 202,
      body: { duplicate: true },
    });
    expect(await total()).toBe(before! + 1);
  });

  const good = githubDelivery('never-stored', { a: 1, b: 2 });
  const signature = signedHeaders(good, SECRETS.github)['x-hub-signature-256']!;
  it.each<[string, Record<string, string>]>([
    ['empty', { 'x-hub-signature-256': '' }],
    ['too short', { 'x-hub-signature-256': signature.slice(0, -1) }],
    ['too long', { 'x-hub-signature-256': `${signature}ab` }],
    ['sha1', { 'x-hub-signature-256': signature.replace('sha256', 'sha1') }],
    ['in another header', { 'x-hub-signature-256': '', 'x-hub-signature': signature }],
    ["another source's", signedHeaders(good, SECRETS.meta)],
  ])('answers 401 to a signature that is %s, and stores nothing', async (_what, headers) => {
    const before = await total();
    expect(await post(app.url, good, headers)).toMatchObject({
      status: 401,
      body: { code: 'SPILLWAY_WEBHOOK_SIGNATURE' },
    });
    expect(await total()).toBe(before);
  });

  it('answers 401 to a body that was re-serialised on the way, or went missing', async () => {
    const spaced = { ...good, body: '{"a": 1, "b": 2}' };
    const headers = signedHeaders(spaced, SECRETS.github);
    expect((await post(app.url, spaced)).status).toBe(202);
    expect((await post(app.url, good, headers)).status).toBe(401);
    expect((await post(app.url, { ...good, body: '' }, headers)).status).toBe(401);
  });

  it.each([
    'application/json',
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset=latin1',
  ])('reads raw bytes whatever they are said to be: %s', async contentType => {
    const delivery = githubDelivery(`type-${contentType.length}`, { text: 'Grüße 👋' });
    expect(await post(app.url, delivery, { 'content-type': contentType })).toMatchObject({ status: 202 });
  });

  it('answers 400 to a signed body that is no JSON object, zipped or not', async () => {
    for (const body of ['payload=%7B%7D', '[]', '"text"', '']) {
      expect((await post(app.url, { ...good, body })).status).toBe(400);
    }
    const zipped = gzipSync(Buffer.alloc(1 << 20, 0x20)).toString('latin1');
    const answer = await post(app.url, { ...good, body: zipped }, { 'content-encoding': 'gzip' });
    expect(answer.status).toBe(400);
  });

  it('answers 400 to what is nested too deeply to be stored, and lives', async () => {
    const deep = `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    const answer = await post(app.url, { ...good, body: deep });
    expect(answer).toMatchObject({
      status: 400,
      body: { code: expect.stringMatching(/^SPILLWAY_INVALID_(PAYLOAD|JOB)$/) },
    });
    expect((await post(app.url, githubDelivery('after-deep'))).status).toBe(202);
  });

  it('keeps __proto__ and constructor in a body inert', async () => {
    const delivery = {
      ...githubDelivery('proto'),
      body: '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"repository":{"__proto__":{"full_name":"x"}}}',
    };
    expect((await post(app.url, delivery)).status).toBe(202);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    await vi.waitFor(async () => expect(await stateOf('github-proto')).toBe('completed'));
    const stored = await app.spillway
      .queue(QUEUE, { schema: WebhookJobData, defaultJobOptions: JOB_OPTIONS })
      .getJob('github-proto');
    expect(stored?.data.account).toBe('');
    expect(JSON.stringify(stored?.data.payload)).toBe(delivery.body);
  });

  it('answers 404 to an unknown source, page, job', async () => {
    for (const path of [
      '/webhooks/stripe',
      '/webhooks/__proto__',
      '/webhooks/constructor',
      '/webhooks/',
      '/nothing',
    ]) {
      expect((await fetch(`${app.url}${path}`, { method: 'POST', body: '{}' })).status).toBe(404);
    }
    for (const path of ['/api/jobs/none', '/api/jobs/..%2f..%2fetc', '/api/jobs/%00', '/webhooks/github']) {
      expect((await fetch(`${app.url}${path}`)).status).toBe(404);
    }
  });

  it('answers 413 to a length over the limit before a byte of the body has come', async () => {
    const head = `POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${BODY_LIMIT + 1}\r\n\r\n`;
    expect(await raw(head)).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('answers 413 to an endless chunked body once the limit is reached', async () => {
    const upload = request(`${app.url}/webhooks/github`, { method: 'POST' });
    upload.on('error', () => {}); // the server hangs up while we still write
    const answered = once(upload, 'response');
    const chunk = Buffer.alloc(16 * 1024, 0x61);
    const pump = setInterval(() => upload.write(chunk), 1);
    try {
      const [response] = await answered;
      expect(response.statusCode).toBe(413);
    } finally {
      clearInterval(pump);
      upload.destroy();
    }
  });

  it('takes a body of exactly the limit', async () => {
    const around = JSON.stringify({ a: '' }).length;
    const delivery = githubDelivery('limit', { a: 'x'.repeat(BODY_LIMIT - around) });
    expect(delivery.body).toHaveLength(BODY_LIMIT);
    expect((await post(app.url, delivery)).status).toBe(202);
  });

  it.each([
    ['slow headers', 'POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nX-Slow: '],
    ['a slow body', 'POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{'],
  ])('cuts off %s', async (_what, start) => {
    expect(await raw(start)).toMatch(/^HTTP\/1\.1 408 /);
  });

  it.each([
    ['a length and chunks', 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
    ['17 kB of headers', `X-Long: ${'x'.repeat(17 * 1024)}\r\n\r\n`],
  ])('refuses a request with %s', async (_what, rest) => {
    expect(await raw(`POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\n${rest}`)).toMatch(
      /^HTTP\/1\.1 4(00|31) /,
    );
  });

  it("answers Meta's challenge as plain text, to the right token only", async () => {
    const ask = (token: string) =>
      fetch(
        `${app.url}/webhooks/meta?hub.mode=subscribe&hub.challenge=<b>1158201444</b>&hub.verify_token=${token}`,
      );
    const right = await ask(SECRETS.verifyToken);
    expect(right.status).toBe(200);
    expect(right.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(right.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await right.text()).toBe('<b>1158201444</b>');
    const wrong = await ask('guess');
    expect(wrong.status).toBe(401);
    expect(await wrong.text()).not.toContain(SECRETS.verifyToken);
    expect((await ask(`${SECRETS.verifyToken}&hub.verify_token=x`)).status).toBe(401);
  });

  it('counts jobs in one shape on every engine', async () => {
    const stats = await (await fetch(`${app.url}/api/jobs/stats`)).json();
    const count = expect.any(Number);
    expect(stats).toEqual({
      mode: engine,
      waiting: count,
      active: count,
      completed: count,
      failed: count,
      delayed: count,
      prioritized: count,
      waitingChildren: count,
      total: count,
      ...(engine === 'failover'
        ? { failover: expect.objectContaining({ state: 'primary', pending: 0 }) }
        : {}),
    });
  });

  it('is alive', async () => {
    expect(await (await fetch(`${app.url}/livez`)).json()).toEqual({ status: 'ok' });
  });

  it('shows jobs to those who ask for this machine only', async () => {
    const ask = (host: string) => raw(`GET /api/jobs/stats HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expect(await ask('evil.example')).toMatch(/^HTTP\/1\.1 421 /);
    expect(await ask('127.0.0.1.evil.example')).toMatch(/^HTTP\/1\.1 421 /);
    expect(await ask(`localhost:${app.port}`)).toMatch(/^HTTP\/1\.1 200 /);
  });
});
