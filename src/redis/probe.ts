import { clusterPrefix, type RedisTarget } from '../config/index.ts';
import type { Clock } from '../shared/clock.ts';
import { within } from './deadline.ts';
import { describeFailure, type Failure } from './diagnose.ts';
import { Dial } from './dial.ts';
import { factSections, parseFacts, type ServerFacts } from './facts.ts';
import { classifyFailure, type FailureClass } from './failure.ts';
import type { Link } from './link.ts';
import type { RedisClient } from './open.ts';

export interface RedisProbeOptions {
  target: RedisTarget;
  /** BullMQ's prefix; on a cluster one with a hash tag, so that the probe asks the node that keeps the queues. */
  prefix: string;
  /** Tells the probes of several processes apart: part of a key. */
  id: string;
  /** How long a check may take, connecting included. Milliseconds. */
  deadlineMs: number;
  /** How old what INFO said may be; it is also asked after each new connection. Milliseconds. */
  factsEveryMs?: number;
  clock: Clock;
}

export type ProbeResult =
  | ({ ok: true; rttMs: number; sentinel: string | null } & ServerFacts)
  | ({ ok: false } & Failure);

const defaultFactsEveryMs = 5_000;
/** So that a probe that ended leaves nothing behind. Milliseconds. */
const probeKeyLivesMs = 60_000;

/** The connection is as good as before; after any other failure the next check begins with a new one. */
const CONNECTION_INTACT: ReadonlySet<FailureClass> = new Set<FailureClass>([
  'oom',
  'misconf',
  'noreplicas',
  'loading',
  'busy',
  'noperm',
]);

/**
 * Asks one Redis, over a connection of its own, whether it can take work: by writing, since a full one answers PING and a
 * stopped one accepts connections. It does nothing between two checks: no timer, no reconnecting.
 *
 * Each check writes `<prefix>:spillway:probe:<id>`, which expires after a minute, and reads
 * `<prefix>:spillway:sentinel`, which tells that the data is still the data that was there.
 */
export class RedisProbe {
  readonly probeKey: string;
  readonly sentinelKey: string;
  readonly #options: RedisProbeOptions;
  #dial: Dial | undefined;
  #checking: Promise<ProbeResult> | undefined;
  #known: { facts: ServerFacts; link: Link; at: number } | undefined;
  #link: Link | undefined;
  #count = 0;
  #closed = false;

  constructor(options: RedisProbeOptions) {
    this.#options = options;
    this.probeKey = `${options.prefix}:spillway:probe:${options.id}`;
    this.sentinelKey = `${options.prefix}:spillway:sentinel`;
  }

  /** The connection when there is one now; `run` opens it, and has a deadline. */
  get client(): RedisClient | undefined {
    return this.#link?.usable ? this.#link.client : undefined;
  }

  /**
   * Whether Redis takes work now. Always resolves, within the deadline. A check that is asked for while another runs is
   * that other one. A connection that was lost since the last check is replaced at once, and is no failure.
   */
  check(): Promise<ProbeResult> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /**
   * Runs commands of maintenance on the probe's connection, which is opened if need be. Rejects with ioredis's error, or
   * DeadlineError; what was sent may then still be applied. Keep them short: a check waits behind them.
   */
  run<T>(work: (client: RedisClient) => Promise<T>, deadlineMs = this.#options.deadlineMs): Promise<T> {
    return this.#within(deadlineMs, link => work(link.client), false);
  }

  /** Writes the sentinel key unless there is one; resolves with what it holds then. Rejects as `run` does. */
  ensureSentinel(value: string): Promise<string> {
    return this.run(async client => {
      const replies = await client.pipeline().set(this.sentinelKey, value, 'NX').get(this.sentinelKey).exec();
      return String(settled(replies)[1]);
    });
  }

  /** Ends at once what is under way: a check resolves with a failure, a run rejects. */
  close(): void {
    this.#closed = true;
    this.#drop();
  }

  async #check(): Promise<ProbeResult> {
    const { target, deadlineMs } = this.#options;
    try {
      return await this.#within(deadlineMs, link => this.#ask(link), true);
    } catch (error) {
      const failure = describeFailure(error, target);
      if (!CONNECTION_INTACT.has(failure.class)) this.#drop();
      return { ok: false, ...failure };
    }
  }

  async #ask(link: Link): Promise<ProbeResult> {
    const { clock, factsEveryMs = defaultFactsEveryMs } = this.#options;
    const sentAt = clock.monotonic();
    const pipeline = link.client
      .pipeline()
      .set(this.probeKey, String(++this.#count), 'PX', probeKeyLivesMs)
      .get(this.sentinelKey);
    const known = this.#known?.link === link && sentAt - this.#known.at < factsEveryMs;
    if (!known) for (const section of factSections) pipeline.info(section);
    const replies = (await pipeline.exec()) ?? [];
    const rttMs = clock.monotonic() - sentAt;
    if (!known) {
      const info = replies.slice(2).map(([, reply]) => reply ?? '');
      this.#known = { facts: parseFacts(info.join('\r\n')), link, at: sentAt };
    }
    const [, sentinel] = settled(replies.slice(0, 2));
    const facts = this.#known?.facts ?? parseFacts('');
    refuseWrongServer(facts, this.#options);
    return { ok: true, rttMs, sentinel: sentinel === null ? null : String(sentinel), ...facts };
  }

  /** `again`: the work does no harm twice, so that a connection that was lost unnoticed is replaced, not reported. */
  #within<T>(deadlineMs: number, work: (link: Link) => Promise<T>, again: boolean): Promise<T> {
    const attempt = async () => {
      const known = this.#link;
      const link = await this.#open();
      try {
        return await work(link);
      } catch (error) {
        const told = link.telling(error);
        const stale = again && link === known && classifyFailure(told) === 'connection' && !this.#closed;
        if (!stale) throw told;
        if (this.#link === link) this.#drop();
        return work(await this.#open());
      }
    };
    return within(deadlineMs, attempt(), () => this.#dial?.late(deadlineMs) ?? closed());
  }

  async #open(): Promise<Link> {
    if (this.#link?.usable) return this.#link;
    if (this.#closed) throw closed();
    if (this.#link) this.#drop();
    this.#dial ??= new Dial(this.#options.target, this.#options.deadlineMs);
    const dial = this.#dial;
    try {
      const link = await dial.link;
      if (this.#dial === dial) this.#link = link;
      return link;
    } catch (error) {
      if (this.#dial === dial) this.#drop();
      throw error;
    }
  }

  #drop(): void {
    this.#dial?.destroy();
    this.#dial = undefined;
    this.#link = undefined;
  }
}

function closed(): Error {
  return new Error('Connection is closed.');
}

/** The replies of a pipeline; throws the first error among them. */
function settled(replies: [error: Error | null, reply: unknown][] | null): unknown[] {
  return (replies ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}

/** Servers that take this one write, and would not take or not keep those of the queues. */
function refuseWrongServer({ mode, role }: ServerFacts, { target, prefix }: RedisProbeOptions): void {
  if (role === 'replica') throw new Error('READONLY it is a replica that takes writes, and loses them');
  if (mode === 'cluster' && !target.cluster && clusterPrefix(prefix) !== prefix) {
    throw new Error('MOVED it is a node of a cluster');
  }
}
