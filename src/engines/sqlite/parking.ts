import type { Operation } from './operation.ts';
import { timers } from './time.ts';

/** How long they wait before they are tried again, in ms. */
const PARKED_MS = 200;

/** Workers' reports and claims that wait for the disk to take writes again. */
export class Parking {
  readonly #again: () => void;
  #operations: Operation[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param again called when it is time to try them again. */
  constructor(again: () => void) {
    this.#again = again;
  }

  add(operations: readonly Operation[]): void {
    this.#operations.push(...operations);
    this.#timer ??= timers.setTimeout(this.#again, PARKED_MS);
  }

  /** Hands out all that wait. */
  takeAll(): Operation[] {
    timers.clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#operations.splice(0);
  }
}
