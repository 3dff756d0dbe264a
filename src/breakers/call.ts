import type { Core } from './core.ts';
import { Due } from './deadlines.ts';
import type { Epoch } from './machine.ts';
import type { CallContext } from './types.ts';

/** Makes its AbortController when the function asks for the signal: most never do, and it costs more than the call. */
export class Context implements CallContext {
  readonly attempt: number;
  #controller: AbortController | undefined;

  constructor(attempt: number) {
    this.attempt = attempt;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(reason);
  }
}

/** One attempt that the breaker let through. It ends once: what comes after the first end is late. */
export class Call extends Due {
  readonly #core: Core;
  epoch: Epoch;
  startedAt: number;
  /** Since when its consumer has the turn. */
  idleSince: number | undefined;
  readonly args: unknown[];
  /** Where somebody wants its signal. */
  readonly context: Context | undefined;
  /** Told when it timed out. */
  cut: ((error: unknown) => void) | undefined;
  ended = false;
  probeWait: ProbeWait | undefined;

  constructor(core: Core, epoch: Epoch, startedAt: number, args: unknown[], context: Context | undefined) {
    super();
    this.#core = core;
    this.epoch = epoch;
    this.startedAt = startedAt;
    this.args = args;
    this.context = context;
  }

  expire(): void {
    this.#core.timedOut(this);
  }

  /** What it did not spend idle, ms. */
  latencyMs(now: number): number {
    return (this.idleSince ?? now) - this.startedAt;
  }
}

/** Bounds a probe that has no timeout, or a long one. */
export class ProbeWait extends Due {
  readonly #core: Core;
  readonly #call: Call;

  constructor(core: Core, call: Call) {
    super();
    this.#core = core;
    this.#call = call;
  }

  expire(): void {
    this.#core.hung(this.#call);
  }
}
