import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type BreakerOptions,
  BreakerRegistry,
  type ChainOptions,
  type ChatRequest,
  createBudget,
  openAiProvider,
} from '../../src/breakers/index.ts';
import { isSpillwayError, type SpillwayError } from '../../src/shared/errors.ts';
import { type OpenAiStandIn, startOpenAiStandIn } from '../servers/index.ts';

const words = ['the', 'river', 'takes', 'it', 'back'];
const answer = words.join(' ');
const question: ChatRequest = { messages: [{ role: 'user', content: 'Where does it go?' }] };

let first: OpenAiStandIn;
let second: OpenAiStandIn;
let registry: BreakerRegistry;

beforeAll(async () => {
  [first, second] = await Promise.all([startOpenAiStandIn(words), startOpenAiStandIn(words)]);
});
afterAll(() => Promise.all([first.stop(), second.stop()]));
beforeEach(() => {
  for (const server of [first, second]) server.behaviour = { kind: 'answer' };
  registry = new BreakerRegistry();
});
afterEach(() => registry.close());

/** The two stand-ins in order, each with a breaker that opens at its first failure. */
function chain(
  options: ChainOptions<[ChatRequest], string, string> = {},
  breaker: BreakerOptions = {},
  servers = [first, second],
) {
  const providers = servers.map((server, n) =>
    openAiProvider({
      name: n === 0 ? 'first' : 'second',
      baseUrl: server.baseUrl,
      apiKey: 'key-that-nobody-prints',
      model: 'stand-in',
      breaker: { minimumCalls: 1, timeoutMs: 5_000, ...breaker },
    }),
  );
  return registry.chain('answer', providers, options);
}

async function collect(stream: AsyncIterable<string>): Promise<string> {
  const pieces: string[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces.join(' ');
}

async function failureOf(call: Promise<unknown>): Promise<SpillwayError> {
  const error = await call.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  if (error instanceof Error) return error as SpillwayError;
  throw new Error('it did not fail');
}

/** Waits until it holds: what a server sees of a connection comes a moment later. */
async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`never held: ${holds}`);
    await new Promise(resolve => setImmediate(resolve));
  }
}

const state = (name: string) => registry.get(name).stats;

describe('whole answers', () => {
  it('come from the first provider', async () => {
    const asked = second.asked;
    const answers = chain();
    expect(await answers.fire(question)).toBe(answer);
    expect(second.asked).toBe(asked);
    expect(answers.stats).toMatchObject({ fires: 1, served: { first: 1, second: 0 }, failovers: 0 });
  });

  it.each([
    ['500', { kind: 'status', status: 500 }, { reason: 'failures' }],
    ['529, overloaded', { kind: 'status', status: 529 }, { reason: 'failures' }],
    ['wrong JSON', { kind: 'wrong-json' }, { reason: 'failures' }],
    [
      '429 with Retry-After',
      { kind: 'status', status: 429, headers: { 'retry-after': '77' } },
      { reason: 'cool-down', retryAfterMs: 77_000 },
    ],
    [
      'an empty account',
      { kind: 'status', status: 429, code: 'insufficient_quota' },
      { reason: 'credentials' },
    ],
    ['a refused key', { kind: 'status', status: 401 }, { reason: 'credentials' }],
  ] as const)('%s: the next one is asked, and the first one rests', async (_name, behaviour, expected) => {
    first.behaviour = behaviour;
    const answers = chain();
    expect(await answers.fire(question)).toBe(answer);
    const { reason, retryAfterMs } = state('first');
    expect(reason).toBe(expected.reason);
    if ('retryAfterMs' in expected) {
      expect(retryAfterMs).toBeGreaterThan(expected.retryAfterMs - 5_000);
      expect(retryAfterMs).toBeLessThanOrEqual(expected.retryAfterMs);
    }
    const asked = first.asked;
    expect(await answers.fire(question)).toBe(answer);
    expect(first.asked).toBe(asked);
    expect(answers.stats).toMatchObject({ served: { first: 0, second: 2 }, failovers: 1 });
  });

  it('a hang: cut at the timeout, the connection with it', async () => {
    first.behaviour = { kind: 'hang' };
    const abandoned = first.abandoned;
    expect(await chain({}, { timeoutMs: 500 }).fire(question)).toBe(answer);
    expect(state('first')).toMatchObject({ state: 'open', timeouts: 1 });
    await until(() => first.abandoned === abandoned + 1);
  });

  it('a request at fault is told, and asked of nobody else, unless another may take it', async () => {
    first.behaviour = { kind: 'status', status: 400, code: 'context_length_exceeded' };
    const asked = second.asked;
    expect(await failureOf(chain().fire(question))).toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    });
    expect(second.asked).toBe(asked);
    expect(state('first')).toMatchObject({ state: 'closed', failures: 0, successes: 1 });
    const longer = chain({
      tryNext: error => (error as { code?: string }).code === 'context_length_exceeded',
    });
    expect(await longer.fire(question)).toBe(answer);
  });

  it('all fail: the error tells of each, and holds no key', async () => {
    first.behaviour = { kind: 'status', status: 500 };
    second.behaviour = { kind: 'wrong-json' };
    const error = await failureOf(chain().fire(question));
    expect(error).toMatchObject({
      code: 'SPILLWAY_CHAIN_FAILED',
      details: { chain: 'answer', failed: ['first', 'second'], skipped: {} },
    });
    const { errors } = error.cause as AggregateError;
    expect(errors).toEqual([expect.objectContaining({ status: 500 }), expect.any(SyntaxError)]);
    expect(JSON.stringify([error.message, error.details, String(errors)])).not.toContain('nobody-prints');
  });
});

describe('all are open', () => {
  const open = async (options: ChainOptions<[ChatRequest], string, string>, openMs: number) => {
    first.behaviour = { kind: 'status', status: 503 };
    second.behaviour = { kind: 'status', status: 503 };
    const answers = chain(options, { openMs, openJitter: 0 });
    await failureOf(answers.fire(question));
    for (const server of [first, second]) server.behaviour = { kind: 'answer' };
    return answers;
  };

  it('fail: with when to come again', async () => {
    const answers = await open({ whenAllOpen: 'fail' }, 60_000);
    const error = await failureOf(answers.fire(question));
    expect(error).toMatchObject({
      code: 'SPILLWAY_CHAIN_UNAVAILABLE',
      details: { chain: 'answer', skipped: { first: 'open', second: 'open' } },
    });
    expect(error.details.retryAfterMs).toBeGreaterThan(50_000);
    expect(answers.stats).toMatchObject({ failed: 1, unavailable: 1 });
  });

  it('wait: for the first that is worth asking, but no longer than is set', async () => {
    const patient = await open({ whenAllOpen: 'wait' }, 100);
    expect(await patient.fire(question)).toBe(answer);
    registry.close();
    registry = new BreakerRegistry();
    const hurried = await open({ whenAllOpen: 'wait', waitMs: 100 }, 60_000);
    expect((await failureOf(hurried.fire(question))).code).toBe('SPILLWAY_CHAIN_UNAVAILABLE');
  });

  it('bypass: asks all the same, but not one that somebody has forced open', async () => {
    const answers = await open({ whenAllOpen: 'bypass' }, 60_000);
    const asked = first.asked;
    expect(await answers.fire(question)).toBe(answer);
    expect(await collect(answers.stream(question))).toBe(answer);
    expect(first.asked).toBe(asked + 2);
    registry.setMode('first', 'forced-open');
    expect(await answers.fire(question)).toBe(answer);
    expect(first.asked).toBe(asked + 2);
    registry.setMode('second', 'forced-open');
    expect((await failureOf(answers.fire(question))).code).toBe('SPILLWAY_CHAIN_UNAVAILABLE');
    expect(state('first').state).toBe('open');
    registry.setMode('first', 'automatic');
    first.behaviour = { kind: 'hang' };
    second.behaviour = { kind: 'hang' };
    registry.get('first').configure({ timeoutMs: 50 });
    expect(await failureOf(answers.fire(question))).toMatchObject({
      code: 'SPILLWAY_CHAIN_FAILED',
      details: { failed: ['first'], skipped: { first: 'open', second: 'open' } },
    });
  });

  it('a wait ends when everything is shut down', async () => {
    const answers = await open({ whenAllOpen: 'wait', waitMs: 600_000 }, 300_000);
    const waiting = failureOf(answers.fire(question));
    registry.close();
    expect((await waiting).code).toBe('SPILLWAY_CLOSED');
  });
});

describe('streams', () => {
  it('are delivered whole, and recorded at their end', async () => {
    const answers = chain();
    const stream = answers.stream(question);
    expect((await stream.next()).value).toBe('the');
    expect(state('first')).toMatchObject({ running: 1, successes: 0 });
    expect(await collect(stream)).toBe(words.slice(1).join(' '));
    expect(state('first')).toMatchObject({ running: 0, successes: 1 });
    expect(answers.stats.served).toEqual({ first: 1, second: 0 });
  });

  it.each([
    ['a status', { kind: 'status', status: 529 }],
    ['a hang', { kind: 'hang' }],
    ['a hang after the headers', { kind: 'hang-after', words: 0 }],
    ['a cut after the headers', { kind: 'cut-after', words: 0 }],
    ['an end without a word', { kind: 'end-after', words: 0 }],
    ['wrong JSON', { kind: 'wrong-json' }],
  ] as const)('%s before the first chunk: the next one is asked', async (_name, behaviour) => {
    first.behaviour = behaviour;
    const answers = chain({ firstChunkMs: 500 });
    expect(await collect(answers.stream(question))).toBe(answer);
    expect(state('first')).toMatchObject({ state: 'open', failures: 1, running: 0 });
    expect(answers.stats).toMatchObject({ served: { first: 0, second: 1 }, failovers: 1 });
  });

  it.each([
    ['a hang', { kind: 'hang-after', words: 2 }],
    ['a cut', { kind: 'cut-after', words: 2 }],
    ['an end', { kind: 'end-after', words: 2 }],
  ] as const)('%s in the middle: a typed error, and nobody else is asked', async (_name, behaviour) => {
    first.behaviour = behaviour;
    const asked = second.asked;
    const answers = chain({ betweenChunksMs: 300 });
    const got: string[] = [];
    const error = await failureOf(
      (async () => {
        for await (const piece of answers.stream(question)) got.push(piece);
      })(),
    );
    expect(got).toEqual(['the', 'river']);
    expect(isSpillwayError(error, 'SPILLWAY_STREAM_INCOMPLETE')).toBe(true);
    expect(error.details).toEqual({ provider: 'first', chunks: 2 });
    expect(error.cause).toBeInstanceOf(Error);
    expect(second.asked).toBe(asked);
    expect(state('first')).toMatchObject({ state: 'open', failures: 1, running: 0 });
    expect(answers.stats.incomplete).toBe(1);
  });

  it('a consumer that stops early ends the call, and that is nobody’s failure', async () => {
    first.behaviour = { kind: 'hang-after', words: 3 };
    const abandoned = first.abandoned;
    for await (const piece of chain().stream(question)) if (piece === 'river') break;
    expect(state('first')).toMatchObject({ state: 'closed', failures: 0, successes: 1, running: 0 });
    await until(() => first.abandoned === abandoned + 1);
  });

  it('one that is never read asks nobody', async () => {
    const asked = first.asked;
    await chain().stream(question).return();
    expect(first.asked).toBe(asked);
  });
});

describe('beside the calls', () => {
  it('a budget: no call once it is spent', async () => {
    const budget = createBudget<[ChatRequest], string>({
      limit: 10,
      windowMs: 3_600_000,
      costOf: text => text.split(' ').length,
    });
    const answers = chain({ budget });
    await answers.fire(question);
    await collect(answers.stream(question));
    expect(budget.spentInWindow).toBe(10);
    const asked = first.asked + second.asked;
    expect(await failureOf(answers.fire(question))).toMatchObject({
      code: 'SPILLWAY_CHAIN_UNAVAILABLE',
      details: { skipped: { first: 'budget', second: 'budget' } },
    });
    expect(first.asked + second.asked).toBe(asked);
  });

  it('a budget that is spent is not bypassed', async () => {
    const answers = chain({ whenAllOpen: 'bypass', budget: { allow: () => false, spent: () => {} } });
    for (const name of ['first', 'second']) {
      const breaker = registry.get(name);
      breaker.begin().fail(new Error('down'));
      expect(breaker.state).toBe('open');
    }
    const asked = first.asked;
    expect((await failureOf(answers.fire(question))).code).toBe('SPILLWAY_CHAIN_UNAVAILABLE');
    expect(first.asked).toBe(asked);
  });

  it('equal questions share an answer through what was plugged in', async () => {
    const asked = first.asked;
    const running = new Map<string, Promise<string>>();
    const answers = chain({
      dedupe: {
        key: ({ messages }) => JSON.stringify(messages),
        share: (key, load) => {
          const known = running.get(key) ?? load();
          running.set(key, known);
          return known;
        },
      },
    });
    const all = await Promise.all(Array.from({ length: 5 }, () => answers.fire(question)));
    expect(new Set(all)).toEqual(new Set([answer]));
    expect(first.asked).toBe(asked + 1);
  });

  it('chains share the breaker of a provider, whose options must be the same', () => {
    const providers = [openAiProvider({ name: 'x', baseUrl: first.baseUrl, model: 'm' })];
    registry.chain('one', providers);
    registry.chain('two', providers);
    expect(Object.keys(registry.stats())).toEqual(['x']);
    const other = openAiProvider({ name: 'x', baseUrl: first.baseUrl, model: 'm', breaker: { openMs: 1 } });
    expect(() => registry.chain('three', [other])).toThrow(
      expect.objectContaining({ code: 'SPILLWAY_BREAKER_EXISTS' }),
    );
  });

  it.each([
    [
      { waitMs: 0 },
      'Option waitMs of chain "answer" must be milliseconds above 0 up to 2147483647; received 0',
    ],
    [{ firstChunkMs: Number.NaN }, 'firstChunkMs'],
    [{ whenAllOpen: 'hope' as 'fail' }, 'whenAllOpen'],
  ])('%j is refused', (options, message) => {
    expect(() => chain(options)).toThrow(message);
  });
});
