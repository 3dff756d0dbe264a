import { randomUUID } from 'node:crypto';
import type { Clock } from '../../shared/clock.ts';
import type { RedisLink } from './link.ts';

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;

/** Whose turn it is to load, over all processes. A Redis that can't say lets everybody load: a lock is no promise. */
export class LoadLock {
  readonly #link: Pick<RedisLink, 'usable' | 'run'>;
  readonly #clock: Clock;

  constructor(link: Pick<RedisLink, 'usable' | 'run'>, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  /**
   * Waits until this process has `lock`, its turn to load, or `look` finds what another has loaded; `ms` at most, and
   * nobody holds a turn for longer. `done` is to be called when others can find the value.
   */
  async turn<T>(
    lock: string,
    ms: number,
    look: () => Promise<T | undefined>,
  ): Promise<{ found: T } | { done: () => void }> {
    const token = randomUUID();
    const until = this.#clock.monotonic() + ms;
    for (
      let pause = FIRST_PAUSE_MS;
      this.#clock.monotonic() < until;
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
    ) {
      if (!this.#link.usable) break;
      const got = await this.#link
        .run(client => client.set(lock, token, 'PX', ms, 'NX'))
        .catch(() => 'unknown');
      if (got === 'unknown') break;
      if (got === 'OK') {
        // Another may have had its turn since Redis was last looked at.
        const found = await look();
        if (found === undefined) return { done: () => this.#release(lock, token) };
        this.#release(lock, token);
        return { found };
      }
      await new Promise(resolve => setTimeout(resolve, pause));
      const found = await look();
      if (found !== undefined) return { found };
    }
    return { done: () => {} };
  }

  /** Only what is still ours: it may have expired and be another's. */
  #release(lock: string, token: string): void {
    if (this.#link.usable) this.#link.run(client => client.spillwayCacheUnlock(lock, token)).catch(() => {});
  }
}
