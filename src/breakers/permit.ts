import { Context } from './call.ts';
import type { Core } from './core.ts';
import type { CallContext } from './types.ts';

/** Leave to do one piece of work. It ends with `succeed`, `fail`, `timeOut` or `abandon`, one of which must be called; the first counts. */
export interface Permit {
  readonly context: CallContext;
  /**
   * What comes now is the time of whoever consumes it, until `alive`: no part of its latency, and a probe that is idle too long
   * has not failed; it only gives its place to another.
   */
  idle(): void;
  /** It makes progress: a probe that takes long is not taken for one that hangs. */
  alive(): void;
  succeed(result?: unknown): void;
  fail(error: unknown): void;
  /** It took too long; `error` says so. Aborts the signal too. */
  timeOut(error: unknown): void;
  /** It ended without having said anything about the service. */
  abandon(): void;
  /** Aborts the signal of the context. */
  abort(reason: unknown): void;
}

/** @param anyway also when the breaker is open. Throws as `Breaker.begin` does. */
export function startPermit(core: Core, anyway: boolean): Permit {
  const now = core.world.monotonic();
  const context = new Context(1);
  core.stats.at(now).fires += 1;
  core.tell('fire', []);
  if (!anyway && core.mode === 'automatic' && core.admits(now) && !core.bulkhead.free) {
    throw core.refuseFull(now, 0);
  }
  const call = anyway && !core.closed ? core.bypass(now, [], context) : core.start(now, [], context, false);
  if (call === undefined) throw core.refuse(now);
  return {
    context,
    idle: () => core.idle(call),
    alive: () => core.alive(call),
    succeed: result => {
      if (!call.ended) core.succeeded(call, result);
    },
    fail: error => {
      if (!call.ended) core.failed(call, error);
    },
    timeOut: error => {
      if (!call.ended) core.timedOut(call, error);
    },
    abandon: () => core.abandoned(call),
    abort: reason => context.abort(reason),
  };
}
