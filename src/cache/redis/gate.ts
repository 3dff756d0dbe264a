import { createHash } from 'node:crypto';
import type { RedisTarget } from '../../redis/index.ts';

/** So many calls in a row without an answer in time, and Redis is not asked any more. */
const MOST_TIMEOUTS = 3;

/**
 * The breaker of one Redis endpoint, shared by all caches of this process: what one finds out, the others need not wait
 * for. Each finds its own way back, by a probe on its own connection.
 */
export class Gate {
  #timeouts = 0;
  readonly #listeners = new Set<() => void>();

  /** An answer came in time. */
  answered(): void {
    this.#timeouts = 0;
  }

  /** None came in time, or one that says that none will, for so many calls. */
  failed(calls: number): void {
    this.#timeouts += calls;
    if (this.#timeouts < MOST_TIMEOUTS) return;
    this.#timeouts = 0;
    for (const listener of this.#listeners) listener();
  }

  onTrip(listener: () => void): void {
    this.#listeners.add(listener);
  }

  offTrip(listener: () => void): void {
    this.#listeners.delete(listener);
  }

  get unused(): boolean {
    return this.#listeners.size === 0;
  }
}

const gates = new Map<string, Gate>();

/** The gate of an endpoint; `release` it when done. */
export function acquireGate(target: RedisTarget, onTrip: () => void): { gate: Gate; release(): void } {
  // Hashed: the target may hold a password.
  const id = createHash('sha256').update(JSON.stringify(target)).digest('hex');
  const gate = gates.get(id) ?? new Gate();
  gates.set(id, gate);
  gate.onTrip(onTrip);
  const release = () => {
    gate.offTrip(onTrip);
    if (gate.unused) gates.delete(id);
  };
  return { gate, release };
}
