import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { codeOf, handDriven } from '../../test/breakers/hand-driven.ts';
import { ManualWorld, settled } from '../../test/breakers/manual-world.ts';
import { isSpillwayError } from '../shared/errors.ts';
import { Breaker } from './breaker.ts';
import type { CallContext } from './types.ts';

describe('a call settles once', () => {
  it('with the value, and with the error', async () => {
    const { breaker, calls } = handDriven();
    const both = [breaker.fire('a'), breaker.fire('b')];
    calls[0]!.resolve();
    calls[1]!.reject(new Error('no'));
    expect(await Promise.allSettled(both)).toEqual([
      { status: 'fulfilled', value: 'a!' },
      { status: 'rejected', reason: new Error('no') },
    ]);
    expect(breaker.stats).toMatchObject({ fires: 2, successes: 1, failures: 1, running: 0 });
  });

  it('when the function throws at once, returns no promise, or rejects with undefined', async () => {
    const acts: Record<string, () => unknown> = {
      throws: () => {
        throw new RangeError('at once');
      },
      plain: () => 7,
      rejects: () => Promise.reject(undefined),
      thenable: () => ({
        // A thenable that answers twice, as a promise would not.
        // biome-ignore lint/suspicious/noThenProperty: what is tested
        then: (resolve: (value: number) => void, reject: (error: unknown) => void) => {
          resolve(1);
          reject(new Error('again'));
          resolve(2);
        },
      }),
    };
    const breaker = new Breaker('odd', (act: string) => acts[act]!(), { minimumCalls: 100 });
    onTestFinished(() => breaker.shutdown());
    const found = await Promise.allSettled(
      ['throws', 'plain', 'rejects', 'thenable'].map(act => breaker.fire(act)),
    );
    expect(found).toEqual([
      { status: 'rejected', reason: new RangeError('at once') },
      { status: 'fulfilled', value: 7 },
      { status: 'rejected', reason: undefined },
      { status: 'fulfilled', value: 1 },
    ]);
    expect(breaker.stats).toMatchObject({ fires: 4, successes: 2, failures: 2, running: 0, late: 2 });
  });

  it('when it never settles: at its timeout, which leaves no timer', async () => {
    const { breaker, world } = handDriven({ timeoutMs: 500 });
    const code = codeOf(breaker.fire('a'));
    await world.pass(499);
    expect(breaker.stats.running).toBe(1);
    expect(world.timers.held).toBe(1);
    await world.pass(1);
    expect(await code).toBe('SPILLWAY_BREAKER_TIMEOUT');
    expect(breaker.stats).toMatchObject({ timeouts: 1, failures: 1, running: 0 });
    expect(world.timers.waiting).toBe(0);
  });

  it('when it settles after its timeout: too late, counted as that', async () => {
    const { breaker, calls, world } = handDriven({ timeoutMs: 500 });
    const late: number[] = [];
    breaker.on('late', ms => late.push(ms));
    const codes = [codeOf(breaker.fire('a')), codeOf(breaker.fire('b'))];
    await world.pass(600);
    calls[0]!.resolve();
    calls[1]!.reject(new Error('late'));
    await settled();
    expect(await Promise.all(codes)).toEqual(['SPILLWAY_BREAKER_TIMEOUT', 'SPILLWAY_BREAKER_TIMEOUT']);
    expect(breaker.stats).toMatchObject({ timeouts: 2, failures: 2, successes: 0, late: 2 });
    expect(late).toEqual([600, 600]);
  });

  it('though a listener throws', async () => {
    const { breaker, calls } = handDriven();
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    onTestFinished(() => warned.mockRestore());
    breaker.on('success', () => {
      throw new Error('listener');
    });
    const call = breaker.fire('a');
    calls[0]!.resolve();
    expect(await call).toBe('a!');
    expect(warned).toHaveBeenCalledExactlyOnceWith(new Error('listener'));
  });
});

describe('the signal', () => {
  it('of 10,000 calls in flight, one of which times out, is aborted for exactly that one', async () => {
    const world = new ManualWorld();
    const contexts: CallContext[] = [];
    const ends: (() => void)[] = [];
    const breaker = new Breaker<[number], Promise<void>>(
      'many',
      (context: CallContext) => {
        context.signal.throwIfAborted();
        contexts.push(context);
        return new Promise<void>(resolve => ends.push(resolve));
      },
      { withContext: true, timeoutMs: 1_000 },
      world,
    );
    onTestFinished(() => breaker.shutdown());
    const hung = codeOf(breaker.fire(0));
    await world.pass(10);
    const others = Array.from({ length: 9_999 }, (_, n) => breaker.fire(n + 1));
    await world.pass(995);
    expect(await hung).toBe('SPILLWAY_BREAKER_TIMEOUT');
    expect(contexts.flatMap(({ signal }, n) => (signal.aborted ? n : []))).toEqual([0]);
    expect(isSpillwayError(contexts[0]!.signal.reason, 'SPILLWAY_BREAKER_TIMEOUT')).toBe(true);
    for (const end of ends) end();
    await Promise.all(others);
    expect(breaker.stats).toMatchObject({ timeouts: 1, successes: 9_999, late: 1, running: 0 });
    // The next call has a signal of its own.
    const next = breaker.fire(1);
    ends.at(-1)!();
    await next;
  });

  it('that is asked for only after the timeout is aborted already', async () => {
    const world = new ManualWorld();
    let context: CallContext | undefined;
    const breaker = new Breaker<[], Promise<void>>(
      'hung',
      (given: CallContext) => {
        context = given;
        return new Promise(() => {});
      },
      { withContext: true, timeoutMs: 10 },
      world,
    );
    onTestFinished(() => breaker.shutdown());
    const code = codeOf(breaker.fire());
    await world.pass(10);
    expect(await code).toBe('SPILLWAY_BREAKER_TIMEOUT');
    expect(context!.signal.aborted).toBe(true);
  });
});

describe('opening and closing', () => {
  it('refuses while open, probes, and closes; the next outage lasts longer only without a closing between', async () => {
    const { breaker, calls, fail, world } = handDriven({ openMs: 1_000, window: { calls: 10 } });
    const events: unknown[] = [];
    breaker.on('open', why => events.push(['open', why.reason, why.openForMs]));
    breaker.on('halfOpen', ms => events.push(['halfOpen', ms]));
    breaker.on('close', () => events.push(['close']));
    await fail(2);
    expect(breaker.retryAfterMs).toBe(1_000);
    const error = await breaker.fire('x').catch((each: unknown) => each);
    expect(error).toMatchObject({
      code: 'SPILLWAY_BREAKER_OPEN',
      details: { breaker: 'service', retryAfterMs: 1_000 },
    });
    await world.pass(1_000);
    expect(breaker.state).toBe('halfOpen');
    await fail(1);
    expect(breaker.retryAfterMs).toBe(2_000);
    await world.pass(2_000);
    const probe = breaker.fire('y');
    expect(await codeOf(breaker.fire('z'))).toBe('SPILLWAY_BREAKER_OPEN');
    calls.at(-1)!.resolve();
    await probe;
    expect(breaker.stats).toMatchObject({ state: 'closed', rejects: 2, window: { calls: 0 } });
    await fail(2);
    expect(events).toEqual([
      ['open', 'failures', 1_000],
      ['halfOpen', 1_000],
      ['open', 'failures', 2_000],
      ['halfOpen', 2_000],
      ['close'],
      ['open', 'failures', 1_000],
    ]);
  });

  it('spreads the open time by chance', async () => {
    const { breaker, fail, world } = handDriven({ openMs: 1_000, openJitter: 0.2 });
    world.chance = 0;
    await fail(2);
    expect(breaker.retryAfterMs).toBe(800);
  });

  it('a call from before the outage says nothing about the time after it', async () => {
    const { breaker, calls, fail, world } = handDriven({ openMs: 1_000, timeoutMs: false });
    const old = codeOf(breaker.fire('old'));
    await fail(2);
    await world.pass(1_000);
    calls[0]!.reject(new Error('at last'));
    expect(await old).toEqual(new Error('at last'));
    expect(breaker.state).toBe('halfOpen');
  });

  it('a probe that hangs counts as failed after its longest wait, and its own end no more', async () => {
    const { breaker, calls, fail, world } = handDriven({
      openMs: 1_000,
      timeoutMs: false,
      probes: 3,
      probeWaitMs: 300,
    });
    await fail(2);
    await world.pass(1_000);
    const probes = ['a', 'b', 'c'].map(each => breaker.fire(each));
    calls.at(-1)!.resolve();
    await world.pass(299);
    expect(breaker.state).toBe('halfOpen');
    await world.pass(1);
    expect(breaker.state).toBe('open');
    calls.at(-2)!.resolve();
    calls.at(-3)!.resolve();
    expect(await Promise.all(probes)).toEqual(['a!', 'b!', 'c!']);
    expect(breaker.state).toBe('open');
    expect(breaker.stats).toMatchObject({ successes: 3, running: 0 });
  });

  it('a probe that hung and ends after all is counted once', async () => {
    const { breaker, calls, fail, world } = handDriven({
      openMs: 1_000,
      timeoutMs: false,
      probes: 3,
      probeWaitMs: 300,
      failurePercent: 60,
    });
    await fail(2);
    await world.pass(1_000);
    const hung = breaker.fire('hung');
    await world.pass(200);
    const others = [breaker.fire('a'), breaker.fire('b')];
    await world.pass(100);
    const [first, second, third] = calls.slice(-3);
    first!.resolve();
    second!.resolve();
    await Promise.all([hung, others[0]]);
    expect(breaker.state).toBe('halfOpen');
    third!.resolve();
    await others[1];
    expect(breaker.state).toBe('closed');
  });

  it('a probe that is no promise is given time as long as it makes progress', async () => {
    const { breaker, fail, world } = handDriven({ openMs: 1_000, probeWaitMs: 300 });
    await fail(2);
    await world.pass(1_000);
    const permit = breaker.begin();
    expect(() => breaker.begin()).toThrow(expect.objectContaining({ code: 'SPILLWAY_BREAKER_OPEN' }));
    for (let step = 0; step < 5; step += 1) {
      await world.pass(299);
      permit.alive();
    }
    expect(breaker.state).toBe('halfOpen');
    await world.pass(300);
    expect(breaker.state).toBe('open');
    permit.succeed();
    permit.fail(new Error('only the first counts'));
    expect(breaker.stats).toMatchObject({ state: 'open', successes: 1, failures: 2, running: 0 });
  });

  it('opens when calls are slow, though they succeed', async () => {
    const { breaker, calls, world } = handDriven({ slowMs: 100, slowPercent: 50 });
    for (const ms of [100, 99]) {
      const call = breaker.fire('x');
      await world.pass(ms);
      calls.at(-1)!.resolve();
      await call;
    }
    expect(breaker.stats).toMatchObject({ state: 'open', reason: 'slow' });
  });

  it('is not moved by a clock that jumps an hour', async () => {
    const { breaker, calls, fail, world } = handDriven({ openMs: 1_000, timeoutMs: 500 });
    const real = vi.spyOn(Date, 'now');
    onTestFinished(() => real.mockRestore());
    const running = breaker.fire('x');
    for (const jump of [3_600_000, -7_200_000]) {
      world.wall += jump;
      real.mockReturnValue(world.wall);
      await world.pass(1);
    }
    calls[0]!.resolve();
    expect(await running).toBe('x!');
    await fail(2);
    world.wall += 3_600_000;
    real.mockReturnValue(world.wall);
    expect(breaker.retryAfterMs).toBe(1_000);
    expect(await codeOf(breaker.fire('x'))).toBe('SPILLWAY_BREAKER_OPEN');
    await world.pass(1_000);
    expect(breaker.state).toBe('halfOpen');
  });
});
