import {
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
  SamplingBreaker,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import Opossum from 'opossum';
import { createBreaker } from '../../src/breakers/index.ts';
import { cockatiel, opossum, spillwayBreaker } from '../harness/contenders.ts';

/** A function behind a breaker of one contender. */
export interface Subject<T> {
  fire(argument: T): Promise<unknown>;
  close(): void;
}

export interface Setting {
  readonly timeoutMs: number;
  /** What the breaker judges by, ms. */
  readonly windowMs: number;
}

/** The action of a breaker: it is given the signal that its call's timeout aborts, in whatever way the contender has. */
export type SignalledAction = (signal: AbortSignal) => Promise<void>;

export interface Maker {
  /** A breaker with a timeout that never opens: it takes more failures than a run makes. */
  plain<T>(action: (argument: T) => Promise<unknown>, setting: Setting): Subject<T>;
  signalled(action: SignalledAction, timeoutMs: number): Subject<void>;
}

const opossums: Maker = {
  plain(action, { timeoutMs, windowMs }) {
    const breaker = new Opossum(action, {
      timeout: timeoutMs,
      rollingCountTimeout: windowMs,
      errorThresholdPercentage: 100,
    });
    return { fire: argument => breaker.fire(argument), close: () => breaker.shutdown() };
  },
  signalled(action, timeoutMs) {
    const abortController = new AbortController();
    const breaker = new Opossum(() => action(abortController.signal), {
      timeout: timeoutMs,
      abortController,
      errorThresholdPercentage: 100,
    });
    return { fire: () => breaker.fire(), close: () => breaker.shutdown() };
  },
};

const cockatiels: Maker = {
  plain(action, { timeoutMs, windowMs }) {
    const breaker = new SamplingBreaker({ threshold: 0.99, duration: windowMs });
    const policy = wrap(
      circuitBreaker(handleAll, { halfOpenAfter: windowMs, breaker }),
      timeout(timeoutMs, TimeoutStrategy.Aggressive),
    );
    return { fire: argument => policy.execute(() => action(argument)), close: () => {} };
  },
  signalled(action, timeoutMs) {
    const policy = wrap(
      circuitBreaker(handleAll, { halfOpenAfter: timeoutMs, breaker: new ConsecutiveBreaker(2) }),
      timeout(timeoutMs, TimeoutStrategy.Aggressive),
    );
    return { fire: () => policy.execute(({ signal }) => action(signal)), close: () => {} };
  },
};

const ours: Maker = {
  plain(action, { timeoutMs, windowMs }) {
    const breaker = createBreaker('measured', action, {
      timeoutMs,
      window: { ms: windowMs },
      failurePercent: 100,
    });
    return { fire: argument => breaker.fire(argument), close: () => breaker.shutdown() };
  },
  signalled(action, timeoutMs) {
    const breaker = createBreaker('measured', ({ signal }) => action(signal), {
      timeoutMs,
      withContext: true,
      minimumCalls: 2,
      failurePercent: 100,
    });
    return { fire: () => breaker.fire(), close: () => breaker.shutdown() };
  },
};

const makers: Readonly<Record<string, Maker>> = {
  [opossum.name]: opossums,
  [cockatiel.name]: cockatiels,
  [spillwayBreaker.name]: ours,
};

export function makerOf(contender: string): Maker {
  const found = makers[contender.replace(/ \(again\)$/, '')];
  if (found === undefined) throw new RangeError(`no breaker of ${contender}`);
  return found;
}
