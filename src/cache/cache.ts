import { EventEmitter } from 'node:events';
import { describeRedisTarget, type RedisTarget, redisOptionsOf } from '../redis/index.ts';
import { systemClock } from '../shared/clock.ts';
import { SpillwayError } from '../shared/errors.ts';
import { type Logger, silentLogger } from '../shared/logger.ts';
import type { Core, SecondTier } from './core.ts';
import { Versions } from './entry/versions.ts';
import { Flights } from './flights.ts';
import { Journal } from './journal/index.ts';
import { Memory } from './memory.ts';
import { Namespace } from './namespace.ts';
import { closedError } from './namespace-checks.ts';
import { checkCacheOptions, checkEnabled } from './options.ts';
import { type LinkOptions, RedisLink } from './redis/link.ts';
import { LoadLock } from './redis/load-lock.ts';
import { Questions } from './redis/questions.ts';
import { Writer } from './redis/writer.ts';
import { settingsOf } from './settings.ts';
import type { CacheEvents, CacheStats, RedisState } from './stats.ts';
import { Trust } from './trust.ts';
import type { Cache, CacheNamespace, CacheOptions, NamespaceOptions } from './types.ts';

type AnyNamespace = Namespace<unknown, unknown>;

const MINUTE_MS = 60_000;
const NEWS_EVERY_MS = 100;

/**
 * A cache: memory, then Redis where one is given, then the loader. Nothing waits for Redis: it connects behind, and
 * while it is away there is one tier less.
 *
 * Throws SPILLWAY_INVALID_OPTION.
 */
export function createCache(options: CacheOptions = {}): Cache {
  return new TieredCache(options);
}

class TieredCache implements Cache {
  readonly #core: Core;
  readonly #logger: Logger;
  readonly #target: RedisTarget | undefined;
  readonly #events = new EventEmitter();
  readonly #namespaces = new Map<string, { namespace: AnyNamespace; options: object }>();
  readonly #minutes: NodeJS.Timeout;
  readonly #toldUncacheable = new Set<string>();
  #news: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: CacheOptions) {
    const { prefix, redisTimeoutMs, maxItems, maxBytes } = checkCacheOptions(options);
    const { clock = systemClock, random = Math.random, logger = silentLogger, enabled = true } = options;
    this.#logger = logger;
    this.#target = options.redis === undefined ? undefined : redisOptionsOf(options.redis);
    const target = this.#target;
    const emit = <E extends keyof CacheEvents>(event: E, ...args: CacheEvents[E]) =>
      this.#emit(event, ...args);
    const versions = new Versions(clock);
    this.#core = {
      prefix,
      clock,
      random,
      memory: new Memory(maxItems, maxBytes),
      trust: new Trust(clock),
      flights: new Flights(),
      versions,
      redis:
        target &&
        this.#open({ target, prefix, timeoutMs: redisTimeoutMs, clock, random }, versions, options.journal),
      enabled,
      closed: false,
      uncacheable: (namespace, error) => this.#uncacheable(namespace, error),
      emit,
    };
    this.#minutes = setInterval(() => this.#eachMinute(), MINUTE_MS).unref();
  }

  #open(options: LinkOptions, versions: Versions, path: string | undefined): SecondTier {
    const redis = describeRedisTarget(options.target);
    const journal = new Journal({
      path,
      redis,
      overflow: base => this.#overflow(base),
      trouble: error => this.#journalTrouble(error),
    });
    const link: RedisLink = new RedisLink(options, {
      time: (microseconds, at) => {
        if (versions.synchronize(microseconds, at)) this.#forgetVersions();
      },
      returning: () => writer.replay(),
      state: (state, reason) => this.#redisState(state, reason),
      changed: names => this.#changed(names),
      blind: () => this.#core.trust.suspend(),
      sighted: () => {
        this.#core.trust.resume();
        this.#changed(undefined);
      },
    });
    const writer = new Writer(link, journal, versions);
    const { clock } = options;
    const [questions, moreQuestions] = [new Questions(link, clock), new Questions(link, clock)];
    const tier = {
      clock,
      versions,
      link,
      writer,
      journal,
      questions,
      moreQuestions,
      lock: new LoadLock(link, clock),
    };
    if (path !== undefined) this.#news = setInterval(() => this.#readNews(tier), NEWS_EVERY_MS).unref();
    return tier;
  }

  namespace<K, V>(name: string, options: NamespaceOptions<K, V>): CacheNamespace<K, V> {
    if (this.#core.closed) throw closedError();
    const known = this.#namespaces.get(name);
    if (known !== undefined) {
      if (!sameSettings(known.options, options)) throw conflict(name, known.options, options);
      return known.namespace as unknown as CacheNamespace<K, V>;
    }
    checkName(name);
    this.#core.redis?.link.open();
    const namespace = new Namespace(name, settingsOf(name, options), this.#core);
    this.#namespaces.set(name, { namespace: namespace as unknown as AnyNamespace, options: { ...options } });
    return namespace;
  }

  get enabled(): boolean {
    return this.#core.enabled;
  }

  get used(): boolean {
    return this.#namespaces.size > 0;
  }

  find(name: string): CacheNamespace<unknown, unknown> | undefined {
    return this.#namespaces.get(name)?.namespace;
  }

  async ready(ms = 1_000): Promise<boolean> {
    this.#core.redis?.link.open();
    return (await this.#core.redis?.link.ready(ms)) ?? false;
  }

  stats(): CacheStats {
    const { enabled, redis, memory } = this.#core;
    return {
      enabled,
      redis: redis?.link.state ?? 'off',
      items: memory.items,
      bytes: memory.bytes,
      journaled: redis?.journal.size ?? 0,
      namespaces: [...this.#namespaces.values()].map(({ namespace }) => namespace.stats()),
    };
  }

  setEnabled(enabled: boolean): void {
    checkEnabled(enabled);
    if (enabled === this.#core.enabled) return;
    this.#core.enabled = enabled;
    // What is in memory saw none of the changes made meanwhile.
    for (const { namespace } of this.#namespaces.values()) namespace.forgetLoaded();
    this.#logger.info({}, enabled ? 'The cache is on' : 'The cache is off: each read asks its loader');
  }

  on<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): this {
    this.#events.on(event, listener as (...args: unknown[]) => void);
    return this;
  }

  off<E extends keyof CacheEvents>(event: E, listener: (...args: CacheEvents[E]) => void): this {
    this.#events.off(event, listener as (...args: unknown[]) => void);
    return this;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { redis, memory } = this.#core;
    this.#core.closed = true;
    clearInterval(this.#minutes);
    clearInterval(this.#news);
    await redis?.writer.close();
    redis?.link.close();
    redis?.journal.close();
    for (const { namespace } of this.#namespaces.values()) namespace.close();
    memory.clear();
  }

  /** Someone changed these, or nobody knows which. */
  #changed(names: readonly string[] | undefined): void {
    const { trust, flights } = this.#core;
    if (names === undefined) {
      trust.renew();
      flights.outdateAll();
      return;
    }
    for (const name of names) {
      flights.outdate(name);
      this.#namespaceOf(name)?.changed(name);
    }
  }

  /** The namespace that an entry or a tag of this name belongs to. */
  #namespaceOf(name: string): AnyNamespace | undefined {
    const start = this.#core.prefix.length + 1;
    const found = this.#namespaces.get(name.slice(start, name.indexOf(':', start)))?.namespace;
    return found !== undefined && name.startsWith(found.keys.base) ? found : undefined;
  }

  #redisState(state: RedisState, reason: string): void {
    const redis = this.#target && describeRedisTarget(this.#target);
    if (state === 'down') {
      this.#core.trust.resume();
      this.#logger.warn({ redis, reason }, `The cache goes on without Redis (${redis}): ${reason}`);
    } else {
      this.#logger.info({ redis }, `The cache uses Redis (${redis})`);
    }
    this.#emit('redis', { state, reason });
  }

  /**
   * Processes of a machine hear by the journal they share of changes that could not be told to Redis. Whoever can tell it does.
   */
  #readNews({ journal, writer }: SecondTier): void {
    const news = journal.news();
    for (const { name, version } of news) {
      if ((this.#core.memory.peek(name)?.version ?? 0) < version) this.#changed([name]);
    }
    if (news.length > 0) writer.replayLater();
  }

  #overflow(base: string): void {
    const namespace = [...this.#namespaces.values()].find(
      each => each.namespace.keys.base === base,
    )?.namespace;
    const name = namespace?.name ?? base;
    const message = `More changes of the cache namespace ${name} during this outage than the journal holds: all of it counts as changed`;
    this.#logger.warn({ namespace: name }, message);
    this.#emit('overflow', { namespace: name });
  }

  #journalTrouble(error: unknown): void {
    if (error === undefined) this.#logger.info({}, "The cache's journal can be used again");
    else
      this.#logger.warn(
        { err: error },
        "The cache's journal cannot be used: changes are kept in memory only",
      );
  }

  #uncacheable(namespace: string, error: unknown): void {
    if (this.#toldUncacheable.has(namespace)) return;
    this.#toldUncacheable.add(namespace);
    const why = error instanceof Error ? error.message : String(error);
    this.#logger.warn(
      { namespace, err: error },
      `The cache namespace ${namespace} has a value that is passed on and not kept, so it is loaded at each read: ${why}`,
    );
  }

  /** The common time went far back: what was made by the clock that was ahead is of no use. */
  #forgetVersions(): void {
    this.#core.memory.clear();
    this.#core.flights.outdateAll();
    for (const { namespace } of this.#namespaces.values()) namespace.forgetVersions();
  }

  #emit<E extends keyof CacheEvents>(event: E, ...args: CacheEvents[E]): void {
    try {
      this.#events.emit(event, ...args);
    } catch (error) {
      this.#logger.error({ err: error, event }, `A listener of the cache event ${event} failed`);
    }
  }

  #eachMinute(): void {
    for (const { namespace } of this.#namespaces.values()) namespace.noteRates();
  }
}

function checkName(name: unknown): asserts name is string {
  if (typeof name === 'string' && /^[\w.-]{1,100}$/.test(name)) return;
  const received =
    typeof name === 'string' ? JSON.stringify(name.slice(0, 100)) : `a value of type ${typeof name}`;
  throw new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `The name of a cache namespace must be 1 to 100 letters, digits, '.', '_' or '-'; received ${received}`,
    { details: { option: 'name' } },
  );
}

function sameSettings(one: object, other: object): boolean {
  return differing(one, other).length === 0;
}

function differing(one: object, given: object): string[] {
  const other = given ?? {};
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter(name => Reflect.get(one, name) !== Reflect.get(other, name));
}

function conflict(name: string, known: object, given: object): SpillwayError {
  const options = differing(known, given);
  return new SpillwayError(
    'SPILLWAY_CACHE_NAMESPACE',
    `The cache namespace ${name} is open with other settings (${options.join(', ')}); open it once and share it, or choose another name`,
    { details: { namespace: name, options } },
  );
}
