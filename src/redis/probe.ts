import { Redis, type RedisOptions } from 'ioredis';
import { classifyFailure, type FailureClass } from './failure.ts';

export type ProbeResult =
  | { ok: true; rttMs: number; runId?: string; sentinel: string | null }
  | { ok: false; class: FailureClass; message: string; remedy: string };

export class RedisProbe {
  readonly #redis: RedisOptions;
  readonly #o: { prefix: string; deadlineMs: number };
  #client: Redis | undefined;
  constructor(redis: RedisOptions, o: { prefix: string; deadlineMs: number }) {
    this.#redis = redis;
    this.#o = o;
  }
  #runId = '';
  async check(): Promise<ProbeResult> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('Command timed out')), this.#o.deadlineMs);
    });
    try {
      return await Promise.race([this.#check(), late]);
    } catch (error) {
      this.#client?.disconnect();
      this.#client = undefined;
      return { ok: false, class: classifyFailure(error), message: (error as Error).message, remedy: '' };
    } finally {
      clearTimeout(timer);
    }
  }
  async #check(): Promise<ProbeResult> {
    if (this.#client === undefined || this.#client.status !== 'ready') {
      this.#client?.disconnect();
      const client = new Redis({
        ...this.#redis,
        lazyConnect: true,
        enableOfflineQueue: false,
        maxRetriesPerRequest: 0,
        retryStrategy: () => null,
        connectTimeout: this.#o.deadlineMs,
      } as never) as Redis;
      let told: unknown;
      client.on('error', e => {
        told ??= e;
      });
      this.#client = client;
      try {
        await client.connect();
      } catch (e) {
        throw told ?? e;
      }
      const info = await client.info('server');
      this.#runId = /run_id:(\w+)/.exec(info)?.[1] ?? '';
    }
    const t0 = performance.now();
    const replies = await this.#client
      .pipeline()
      .set(`${this.#o.prefix}:spillway:probe`, '1', 'PX', 60000)
      .get(`${this.#o.prefix}:spillway:sentinel`)
      .exec();
    for (const [e] of replies ?? []) if (e) throw e;
    return {
      ok: true,
      rttMs: performance.now() - t0,
      runId: this.#runId,
      sentinel: (replies?.[1]?.[1] as string | null) ?? null,
    };
  }
  async ensureSentinel(value: string): Promise<string> {
    const key = `${this.#o.prefix}:spillway:sentinel`;
    await this.#client!.set(key, value, 'NX');
    return (await this.#client!.get(key)) ?? value;
  }
  async close(): Promise<void> {
    this.#client?.disconnect();
  }
}
