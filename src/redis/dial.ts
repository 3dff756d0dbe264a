import type { RedisTarget } from '../config/index.ts';
import { within } from './deadline.ts';
import { Link } from './link.ts';
import { findMaster, SentinelError } from './sentinel.ts';

/** One way to a Redis: by the Sentinels, where there are some, to a connection that can be used. */
export class Dial {
  /** Settles within the deadline; a connection that was not ready by then is gone. */
  readonly link: Promise<Link>;
  readonly #target: RedisTarget;
  readonly #deadlineMs: number;
  readonly #abort = new AbortController();
  readonly #made: Link[] = [];
  #server: Link | undefined;

  constructor(target: RedisTarget, deadlineMs: number) {
    this.#target = target;
    this.#deadlineMs = deadlineMs;
    this.link = within(deadlineMs, this.#open(), () => this.late(), this.#abort.signal);
    this.link.catch(() => this.destroy());
  }

  async #open(): Promise<Link> {
    const own = (link: Link) => {
      this.#made.push(link);
      if (this.#abort.signal.aborted) link.destroy();
    };
    const server = this.#target.sentinels
      ? await findMaster(this.#target, this.#deadlineMs, own)
      : this.#target;
    const link = new Link(server, this.#deadlineMs);
    own(link);
    this.#server = link;
    await link.opened;
    return link;
  }

  /** What to say when a deadline passes now. */
  late(deadlineMs = this.#deadlineMs): Error {
    if (this.#server) return this.#server.late(deadlineMs);
    return new SentinelError(`none of ${this.#made.length} Sentinels answers within ${deadlineMs} ms`);
  }

  /** Ends whatever it has opened, and rejects what waits for it. */
  destroy(): void {
    this.#abort.abort(new Error('Connection is closed.'));
    for (const link of this.#made) link.destroy();
  }
}
