import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { codeOf, handDriven } from '../../test/breakers/hand-driven.ts';
import { ManualWorld, settled } from '../../test/breakers/manual-world.ts';
import { Breaker } from './breaker.ts';

describe('modes', () => {
  it('forced-open refuses; disabled lets through and judges nothing; automatic is as before', async () => {
    const { breaker, calls, fail } = handDriven();
    const changes: unknown[] = [];
    breaker.on('mode', change => changes.push(change));
    breaker.setMode('forced-open', { by: 'ada', reason: 'maintenance' });
    expect(breaker).toMatchObject({ state: 'open', retryAfterMs: Number.POSITIVE_INFINITY });
    expect(await codeOf(breaker.fire('x'))).toBe('SPILLWAY_BREAKER_OPEN');
    expect(breaker.stats).toMatchObject({ reason: 'forced', rejects: 1 });
    breaker.setMode('disabled');
    await fail(5);
    expect(breaker.stats).toMatchObject({ state: 'closed', fires: 6, failures: 0 });
    breaker.setMode('automatic');
    const call = breaker.fire('x');
    calls.at(-1)!.resolve();
    expect(await call).toBe('x!');
    expect(changes).toEqual([
      { mode: 'forced-open', previous: 'automatic', by: 'ada', reason: 'maintenance' },
      { mode: 'disabled', previous: 'forced-open' },
      { mode: 'automatic', previous: 'disabled' },
    ]);
  });

  it('disabled, what was begun before ends as it may, and work that is no promise goes through as well', async () => {
    const { breaker, calls, fail, world } = handDriven({ openMs: 100, concurrency: 1 });
    await fail(2);
    await world.pass(100);
    const probe = breaker.fire('probe');
    breaker.setMode('disabled');
    breaker.begin().succeed();
    calls.at(-1)!.resolve();
    await probe;
    breaker.setMode('automatic');
    expect(breaker.stats).toMatchObject({ state: 'halfOpen', retryAfterMs: 0, running: 0, successes: 0 });
  });

  it('metrics-only says what it would do, and does nothing', async () => {
    const { breaker, calls, fail, world } = handDriven({
      mode: 'metrics-only',
      timeoutMs: 100,
      concurrency: 1,
      attempts: 3,
      fallback: () => 'fallback',
    });
    const opened = vi.fn();
    breaker.on('open', opened);
    await fail(2);
    expect(opened).toHaveBeenCalledOnce();
    const slow = [breaker.fire('a'), breaker.fire('b')];
    await world.pass(200);
    for (const call of calls.slice(-2)) call.resolve();
    expect(await Promise.all(slow)).toEqual(['a!', 'b!']);
    expect(breaker.stats).toMatchObject({
      rejects: 2,
      timeouts: 2,
      late: 2,
      retries: 0,
      fallbacks: 0,
      fires: 4,
    });
  });
});

describe('places', () => {
  it('so many at once, so many that wait in order, and the rest refused', async () => {
    const { breaker, calls, world } = handDriven({
      concurrency: 2,
      queueSize: 2,
      queueWaitMs: 50,
      timeoutMs: false,
    });
    const fired = ['a', 'b', 'c', 'd', 'e'].map(each =>
      breaker.fire(each).catch(error => error.code as string),
    );
    expect(breaker.stats).toMatchObject({ running: 2, queued: 2, semaphoreRejections: 1 });
    calls[1]!.resolve();
    await settled();
    expect(calls.map(({ argument }) => argument)).toEqual(['a', 'b', 'c']);
    await world.pass(50);
    for (const call of calls) call.resolve();
    expect(await Promise.all(fired)).toEqual([
      'a!',
      'b!',
      'c!',
      'SPILLWAY_BREAKER_FULL',
      'SPILLWAY_BREAKER_FULL',
    ]);
    // A place that was refused is nobody's failure.
    expect(breaker.stats).toMatchObject({ running: 0, queued: 0, failures: 0, state: 'closed' });
  });

  it('who waits when it opens, or is shut down, is refused at once', async () => {
    const { breaker, calls } = handDriven({ concurrency: 2, queueSize: 5, minimumCalls: 1 });
    const codes = ['a', 'b', 'c'].map(each => codeOf(breaker.fire(each)));
    for (const call of calls) call.reject('down');
    expect(await Promise.all(codes)).toEqual(['down', 'down', 'SPILLWAY_BREAKER_OPEN']);
    breaker.close();
    const more = ['d', 'e', 'f'].map(each => codeOf(breaker.fire(each)));
    breaker.shutdown();
    for (const call of calls.slice(2)) call.resolve();
    expect(await Promise.all(more)).toEqual(['resolved', 'resolved', 'SPILLWAY_CLOSED']);
  });

  it('who waits is refused at once when it opens, though no place is free', async () => {
    const { breaker, calls } = handDriven({ concurrency: 2, queueSize: 5, minimumCalls: 1 });
    const [failed, runs, waits] = ['a', 'b', 'c'].map(each => codeOf(breaker.fire(each)));
    breaker.configure({ concurrency: 1 });
    calls[0]!.reject('down');
    expect([await failed, await waits, breaker.stats.running]).toEqual(['down', 'SPILLWAY_BREAKER_OPEN', 1]);
    calls[1]!.resolve();
    expect(await runs).toBe('resolved');
  });

  it('more places let in who waits', async () => {
    const { breaker, calls } = handDriven({ concurrency: 1, queueSize: 5 });
    const all = ['a', 'b', 'c'].map(each => breaker.fire(each));
    breaker.configure({ concurrency: 3 });
    expect(calls.length).toBe(3);
    for (const call of calls) call.resolve();
    await Promise.all(all);
  });
});

describe('retry and fallback', () => {
  it('tries again, waits in between, and counts each attempt', async () => {
    const { breaker, calls, world } = handDriven({
      attempts: 3,
      retryMs: 100,
      retryJitter: 0,
      minimumCalls: 10,
    });
    const call = breaker.fire('x');
    calls[0]!.reject(new Error('1'));
    await world.pass(99);
    expect(calls.length).toBe(1);
    await world.pass(1);
    calls[1]!.reject(new Error('2'));
    await world.pass(200);
    calls[2]!.resolve();
    expect(await call).toBe('x!');
    expect(breaker.stats).toMatchObject({ fires: 1, failures: 2, successes: 1, retries: 2 });
  });

  it.each([
    ['a request at fault', Object.assign(new Error('bad'), { status: 400 }), 1],
    ['a key that is refused', Object.assign(new Error('key'), { status: 401 }), 1],
    ['a call given up', new DOMException('gone', 'AbortError'), 1],
    ['a failure', Object.assign(new Error('down'), { status: 503 }), 3],
  ])('%s', async (_name, error, attempts) => {
    const { breaker, calls, world } = handDriven({ attempts: 3, minimumCalls: 10 });
    const outcome = codeOf(breaker.fire('x'));
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      calls[attempt]!.reject(error);
      await world.pass(10_000);
    }
    expect(await outcome).toBe(error);
    expect(calls.length).toBe(attempts);
  });

  it('stops trying when it opens meanwhile', async () => {
    const { breaker, calls, world } = handDriven({ attempts: 5 });
    const outcome = codeOf(breaker.fire('x'));
    calls[0]!.reject(new Error('1'));
    await world.pass(1_000);
    calls[1]!.reject(new Error('2'));
    expect(await outcome).toEqual(new Error('2'));
    expect(calls.length).toBe(2);
  });

  it('one loop only: inside that of another breaker it tries once', async () => {
    const world = new ManualWorld();
    let calls = 0;
    const options = { attempts: 3, minimumCalls: 100 };
    const inner = new Breaker('inner', () => Promise.reject(new Error(`call ${++calls}`)), options, world);
    const outer = new Breaker('outer', () => inner.fire(), options, world);
    onTestFinished(() => {
      inner.shutdown();
      outer.shutdown();
    });
    const outcome = codeOf(outer.fire());
    await world.pass(60_000);
    expect(await outcome).toEqual(new Error('call 3'));
    expect(inner.stats.retries).toBe(0);
    const alone = codeOf(inner.fire());
    await world.pass(60_000);
    expect(await alone).toEqual(new Error('call 6'));
  });

  it('a fallback takes the place of failed and refused calls, not of requests at fault', async () => {
    const given: unknown[][] = [];
    const { breaker, calls, fail } = handDriven({
      minimumCalls: 3,
      fallback: (...args) => {
        given.push(args);
        return 'instead';
      },
    });
    const failed = breaker.fire('a');
    calls[0]!.reject('no');
    expect(await failed).toBe('instead');
    const atFault = { status: 422 };
    const refused = breaker.fire('b').catch((error: unknown) => error);
    calls[1]!.reject(atFault);
    expect(await refused).toBe(atFault);
    await fail(1);
    expect(await breaker.fire('c')).toBe('instead');
    expect(given).toEqual([
      ['a', 'no'],
      ['x', new Error('down')],
      ['c', expect.objectContaining({ code: 'SPILLWAY_BREAKER_OPEN' })],
    ]);
    expect(breaker.stats).toMatchObject({ fallbacks: 3, successes: 1 });
  });
});

describe('what an outcome says', () => {
  it('a service that asks for a pause gets it, and the later end wins', async () => {
    const { breaker, calls, world } = handDriven({ maxCoolDownMs: 60_000 });
    const opened = vi.fn();
    breaker.on('open', opened);
    const pause = (seconds: string) => ({ status: 429, headers: { 'retry-after': seconds } });
    const outcomes = ['a', 'b', 'c', 'd'].map(each => codeOf(breaker.fire(each)));
    calls[0]!.reject(pause('5'));
    await settled();
    expect(breaker.stats).toMatchObject({ state: 'open', reason: 'cool-down', retryAfterMs: 5_000 });
    calls[1]!.reject(pause('20'));
    calls[2]!.reject(pause('1'));
    await settled();
    expect(breaker.retryAfterMs).toBe(20_000);
    calls[3]!.reject(pause('99999999'));
    await Promise.all(outcomes);
    expect(breaker.retryAfterMs).toBe(60_000);
    expect(opened).toHaveBeenCalledOnce();
    await world.pass(59_999);
    expect(breaker.state).toBe('open');
    await world.pass(1);
    expect(breaker.state).toBe('halfOpen');
  });

  it('a refused key opens at once and raises one alert an outage', async () => {
    const { breaker, calls, world } = handDriven({ openMs: 1_000 });
    const alerts = vi.fn();
    breaker.on('alert', alerts);
    const error = { status: 401 };
    for (const wait of [1_000, 2_000]) {
      const outcome = codeOf(breaker.fire('x'));
      calls.at(-1)!.reject(error);
      await outcome;
      expect(breaker.stats).toMatchObject({ state: 'open', reason: 'credentials', retryAfterMs: wait });
      await world.pass(wait);
    }
    expect(alerts).toHaveBeenCalledExactlyOnceWith({ reason: 'credentials', error });
    breaker.close();
    const outcome = codeOf(breaker.fire('x'));
    calls.at(-1)!.reject(error);
    await outcome;
    expect(alerts).toHaveBeenCalledTimes(2);
  });

  it('a result may be a failure', async () => {
    const { breaker, calls } = handDriven({
      classifyResult: result => (result === 'bad' ? 'failure' : 'success'),
    });
    const all = [breaker.fire('a'), breaker.fire('b')];
    for (const call of calls) call.resolve('bad');
    expect(await Promise.all(all)).toEqual(['bad', 'bad']);
    expect(breaker.state).toBe('open');
  });

  it('a judge that throws judges it a failure', async () => {
    const { breaker, fail } = handDriven({
      classify: () => {
        throw new Error('judge');
      },
    });
    await fail(2);
    expect(breaker.state).toBe('open');
  });
});

describe('settings', () => {
  it('change while it works', async () => {
    const { breaker, calls, fail, world } = handDriven({ minimumCalls: 100 });
    await fail(5);
    const old = codeOf(breaker.fire('old'));
    breaker.configure({ minimumCalls: 6, timeoutMs: 50 });
    const quick = codeOf(breaker.fire('new'));
    await world.pass(50);
    expect(await quick).toBe('SPILLWAY_BREAKER_TIMEOUT');
    expect(breaker.state).toBe('open');
    calls[5]!.resolve();
    expect(await old).toBe('resolved');
  });

  it('fewer probes may be enough at once', async () => {
    const { breaker, calls, fail, world } = handDriven({ openMs: 10, probes: 5, failurePercent: 10 });
    await fail(2);
    await world.pass(10);
    const probe = breaker.fire('x');
    calls.at(-1)!.resolve();
    await probe;
    expect(breaker.state).toBe('halfOpen');
    breaker.configure({ probes: 1 });
    expect(breaker.state).toBe('closed');
  });
});
