import Opossum from 'opossum';
import { expect, it, onTestFinished } from 'vitest';
import { createBreaker } from '../../src/breakers/index.ts';

/** Breakers of both kinds, seen through the words they share. */
interface Subject {
  fire(act: string): Promise<unknown>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  once(event: string, listener: () => void): unknown;
  readonly opened: boolean;
  readonly closed: boolean;
  readonly halfOpen: boolean;
  readonly stats: object;
  shutdown(): void;
}

const timeoutMs = 40;
const resetMs = 300;
/** All but `close`: opossum tells of it before the success that closes, we after. */
const events = [
  'fire',
  'success',
  'failure',
  'timeout',
  'reject',
  'open',
  'halfOpen',
  'fallback',
  'semaphoreLocked',
];
const counted = ['fires', 'successes', 'failures', 'rejects', 'timeouts', 'fallbacks', 'semaphoreRejections'];

async function service(act: string): Promise<string> {
  if (act === 'hang') return new Promise(() => {});
  if (act === 'not found') throw Object.assign(new Error(act), { status: 404 });
  if (act === 'down') throw Object.assign(new Error(act), { status: 503 });
  return `${act}!`;
}

const isNotFound = (error: { status?: number }) => error.status === 404;
const instead = (act: string) => `no ${act}`;

const kinds: Record<string, (withFallback: boolean, capacity?: number) => Subject> = {
  opossum(withFallback, capacity) {
    const breaker = new Opossum(service, {
      timeout: timeoutMs,
      resetTimeout: resetMs,
      errorThresholdPercentage: 50,
      volumeThreshold: 4,
      errorFilter: isNotFound,
      ...(capacity === undefined ? {} : { capacity }),
    });
    if (withFallback) breaker.fallback(instead);
    return breaker as unknown as Subject;
  },
  ours(withFallback, capacity) {
    const breaker = createBreaker('service', service, {
      timeoutMs,
      openMs: resetMs,
      openFactor: 1,
      openJitter: 0,
      failurePercent: 50,
      minimumCalls: 4,
      classify: error => (isNotFound(error as { status?: number }) ? 'success' : 'failure'),
      ...(capacity === undefined ? {} : { concurrency: capacity }),
      ...(withFallback ? { fallback: instead } : {}),
    });
    return breaker as unknown as Subject;
  },
};

/** What happens to one breaker: its events in order, how its calls ended, its counts at the end. */
async function run(subject: Subject, scenario: (subject: Subject, fire: Fire) => Promise<void>) {
  onTestFinished(() => subject.shutdown());
  const seen: string[] = [];
  const ends: string[] = [];
  for (const event of events) {
    subject.on(event, (...given: unknown[]) => {
      const [first] = given;
      if (event === 'success') seen.push(`success ${first instanceof Error ? first.message : first}`);
      // Ours says why it opened.
      else seen.push(event === 'open' ? event : `${event} with ${given.length}`);
    });
  }
  const fire = async (...acts: string[]) => {
    const outcomes = await Promise.allSettled(acts.map(act => subject.fire(act)));
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') ends.push(String(outcome.value));
      else ends.push(isOwn(outcome.reason) ? 'refused or late' : outcome.reason.message);
    }
  };
  await scenario(subject, fire);
  const stats = subject.stats as Record<string, number>;
  return { seen, ends, counts: Object.fromEntries(counted.map(key => [key, stats[key]])) };
}

type Fire = (...acts: string[]) => Promise<void>;

/** Their errors have other codes: the guide for those who move says which. */
function isOwn(error: { code?: string }): boolean {
  return /^(SPILLWAY_BREAKER_|EOPENBREAKER$|ETIMEDOUT$|ESEMLOCKED$)/.test(error.code ?? '');
}

const halfOpens = (subject: Subject) => new Promise<void>(resolve => subject.once('halfOpen', resolve));

const outage = async (subject: Subject, fire: Fire) => {
  await fire('not found');
  await fire('down');
  await fire('hang');
  expect(subject.closed).toBe(true);
  const probing = halfOpens(subject);
  await fire('down');
  expect(subject.opened).toBe(true);
  await fire('refused');
  await probing;
  expect(subject.halfOpen).toBe(true);
  const probingAgain = halfOpens(subject);
  await fire('down');
  expect(subject.opened).toBe(true);
  await probingAgain;
  await fire('a');
  expect(subject.closed).toBe(true);
  await fire('b', 'c');
};

it.each([false, true])(
  'the same scenario: the same events, ends and counts (fallback: %s)',
  async fallback => {
    const theirs = await run(kinds.opossum!(fallback), outage);
    const ours = await run(kinds.ours!(fallback), outage);
    expect(ours).toEqual(theirs);
    expect(ours.seen.filter(event => event === 'open')).toHaveLength(2);
  },
);

it('differs in one count: a call for which there is no place is no failure of the service', async () => {
  const both = (_subject: Subject, fire: Fire) => fire('a', 'b');
  const theirs = await run(kinds.opossum!(false, 1), both);
  const ours = await run(kinds.ours!(false, 1), both);
  expect(ours.ends).toEqual(theirs.ends);
  expect(theirs.counts).toMatchObject({ semaphoreRejections: 1, failures: 1 });
  expect(ours.counts).toEqual({ ...theirs.counts, failures: 0 });
});
