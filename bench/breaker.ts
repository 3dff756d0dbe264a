import { setTimeout as sleep } from 'node:timers/promises';
import { makerOf, type Subject } from './breakers/subjects.ts';
import type { Benchmark } from './harness/benchmark.ts';
import { breakerContenders, cockatiel, spillwayBreaker } from './harness/contenders.ts';
import { sameCount } from './harness/exactly-once.ts';
import { timed } from './harness/measure.ts';

const timeoutMs = 10_000;
const windowMs = 600_000;
const atOnce = 100;
const failures = 200;
/** Enough to warm up the way of a failure without the cost that is measured. */
const fewSamples = 2_000;
const inFlight = 10_000;
const shortTimeoutMs = 1_000;

export const breaker = {
  name: 'breaker',
  title:
    'a closed breaker with a timeout; a failure with many samples in the window; one timeout of many calls',
  contenders: breakerContenders,
  metrics: [
    { key: 'calls', unit: 'calls/s', better: 'higher', targets: [ours('ratio', 1)] },
    { key: 'calls-at-once', unit: 'calls/s', better: 'higher', targets: [ours('ratio', 1)] },
    beside('calls'),
    beside('calls-at-once'),
    { key: 'failure', unit: 'ms', better: 'lower', targets: [ours('value', 0.05)] },
    { key: 'aborted', unit: 'calls', better: 'lower', targets: [ours('value', 1)] },
  ],
  scales: {
    full: { calls: 500_000, warmUp: 50_000, samples: 250_000 },
    quick: { calls: 50_000, warmUp: 20_000, samples: 250_000 },
  },
  async run(contender, scale) {
    const maker = makerOf(contender.name);
    const echo = async (value: number) => value;
    const setting = { timeoutMs, windowMs: 10_000 };
    const alone = await rate(maker.plain(echo, setting), scale, 1);
    const together = await rate(maker.plain(echo, setting), scale, atOnce);
    const failing = (samples: number) => maker.plain(failsAbove(samples), { timeoutMs, windowMs });
    await costOfFailure(failing(fewSamples), fewSamples, fewSamples / 2);
    const failureMs = await costOfFailure(failing(scale.samples), scale.samples, failures);
    const { aborted, ended } = await oneTimeout(contender.name);
    return {
      figures: {
        calls: alone.rate,
        'calls-beside-cockatiel': alone.rate,
        'calls-at-once': together.rate,
        'calls-at-once-beside-cockatiel': together.rate,
        failure: failureMs,
        aborted,
      },
      checks: [
        sameCount('answers one by one', scale.calls, alone.answers),
        sameCount('answers at once', scale.calls, together.answers),
        sameCount('calls that ended', inFlight, ended),
      ],
    };
  },
} satisfies Benchmark<{ calls: number; warmUp: number; samples: number }>;

function ours(of: 'ratio' | 'value', bound: number) {
  return { contender: spillwayBreaker.name, of, bound } as const;
}

function beside(key: string) {
  const targets = [ours('ratio', 5)];
  return {
    key: `${key}-beside-cockatiel`,
    unit: 'calls/s',
    better: 'higher',
    baseline: cockatiel.name,
    targets,
  } as const;
}

/** Calls a second, so many at once, and how many answered what they were asked. */
async function rate(
  subject: Subject<number>,
  { calls, warmUp }: { calls: number; warmUp: number },
  width: number,
): Promise<{ rate: number; answers: number }> {
  await fireAll(subject, warmUp, width);
  const { seconds, result } = await timed(() => fireAll(subject, calls, width));
  subject.close();
  return { rate: calls / seconds, answers: result };
}

async function fireAll(subject: Subject<number>, calls: number, width: number): Promise<number> {
  let answers = 0;
  if (width === 1) {
    for (let call = 0; call < calls; call += 1) if ((await subject.fire(call)) === call) answers += 1;
    return answers;
  }
  for (let from = 0; from < calls; from += width) {
    const batch = Array.from({ length: width }, (_, n) => subject.fire(from + n));
    for (const [n, answer] of (await Promise.all(batch)).entries()) if (answer === from + n) answers += 1;
  }
  return answers;
}

function failsAbove(limit: number) {
  return async (call: number) => {
    if (call >= limit) throw new Error('as told');
  };
}

/** Milliseconds of a call that fails, with so many successes in the window. */
async function costOfFailure(subject: Subject<number>, samples: number, failures: number): Promise<number> {
  await fireAll(subject, samples, 1);
  const { seconds } = await timed(async () => {
    for (let call = 0; call < failures; call += 1) {
      await subject.fire(samples + call).catch(() => undefined);
    }
  });
  subject.close();
  return (1000 * seconds) / failures;
}

/** Of many calls, the first times out; how many are told to stop though only one should be. */
async function oneTimeout(contender: string): Promise<{ aborted: number; ended: number }> {
  const signals: AbortSignal[] = [];
  const ends: (() => void)[] = [];
  const subject = makerOf(contender).signalled(signal => {
    signals.push(signal);
    return new Promise(resolve => ends.push(resolve));
  }, shortTimeoutMs);
  const first = subject.fire();
  const timedOut = first.then(
    () => false,
    () => true,
  );
  await sleep(shortTimeoutMs / 2);
  const others = Array.from({ length: inFlight - 1 }, () => subject.fire());
  if (!(await timedOut)) throw new Error('the first call did not time out');
  const aborted = signals.filter(signal => signal.aborted).length;
  for (const end of ends) end();
  const settled = await Promise.allSettled([first, ...others]);
  subject.close();
  return { aborted, ended: settled.length };
}
