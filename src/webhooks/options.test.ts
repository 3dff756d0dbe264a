import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createWebhookReceiver, githubSource, metaSource } from './index.ts';

const SECRET = 'nobody-may-see-this';
const queue = { add: async () => {}, addBulk: async () => {} };
const toJob = () => ({ name: 'x', data: {} });
const sources = [githubSource({ secrets: [SECRET] })];

/** What the error says, which must be typed and hold no secret. */
function refusal(make: (options: never) => unknown, options: unknown): string {
  try {
    make(options as never);
  } catch (error) {
    expect(error).toMatchObject({ code: 'SPILLWAY_INVALID_OPTION', details: { option: expect.anything() } });
    expect(inspect(error, { depth: 5 })).not.toContain(SECRET);
    return (error as Error).message;
  }
  return 'accepted';
}

describe('a source', () => {
  it.each<[unknown, string]>([
    [undefined, 'secrets'],
    [{}, 'Option secrets of the source github must be a list of at least one secret, none of them empty'],
    [{ secret: SECRET }, 'did you mean secrets?'],
    [{ secrets: SECRET }, 'received a value of type string'],
    [{ secrets: [] }, 'received a list of 0'],
    [{ secrets: [SECRET, ''] }, 'received a list of 2'],
    [{ secrets: [SECRET, undefined] }, 'received a list of 2'],
  ])('github of %j is refused', (options, message) => {
    expect(refusal(githubSource, options)).toContain(message);
  });

  it.each<[unknown, string]>([
    [undefined, 'verifyToken'],
    [{ secrets: [SECRET] }, 'Option verifyToken of the source meta must be a text that is not empty'],
    [{ secrets: [SECRET], verifyToken: '' }, 'received an empty text'],
    [{ verifyToken: SECRET }, 'Option secrets of the source meta'],
  ])('meta of %j is refused', (options, message) => {
    expect(refusal(metaSource, options)).toContain(message);
  });
});

describe('a receiver', () => {
  it.each<[string, unknown, string]>([
    [
      'nothing',
      undefined,
      'Option sources of a webhook receiver must be a list of sources; received nothing',
    ],
    ['one source', { sources: sources[0], queue, toJob }, 'Option sources'],
    ['options of a source', { sources: [{ secrets: [SECRET] }], queue, toJob }, 'Option sources'],
    ['a source twice', { sources: [...sources, ...sources], queue, toJob }, 'name must be its own'],
    ['no queue', { sources, toJob }, 'Option queue of a webhook receiver must be a queue'],
    ['a name', { sources, queue: 'webhooks', toJob }, 'received a value of type string'],
    ['no toJob', { sources, queue }, 'Option toJob of a webhook receiver must be a function'],
    [
      'a negative deadline',
      { sources, queue, toJob, deadlineMs: -1 },
      '0 (for ever) to 3600000; received -1',
    ],
    ['a deadline in words', { sources, queue, toJob, deadlineMs: '2s' }, 'Option deadlineMs'],
    ['no memory', { sources, queue, toJob, remember: 0 }, 'Option remember'],
  ])('of %s is refused', (_name, options, message) => {
    expect(refusal(createWebhookReceiver, options)).toContain(message);
  });
});
