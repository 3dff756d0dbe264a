import { BreakerRegistry, type Breakers, type MakeBreaker, type MakeChain } from './breakers/index.ts';
import { type Cache, type CacheSettings, followSwitch, openCacheOf } from './cache/index.ts';
import { type Config, type ConfigOptions, type EngineName, resolveConfig } from './config/index.ts';
import {
  createEngine,
  type Engine,
  type Failover,
  FileSwitches,
  type QueueDeclarations,
  QueueRegistry,
  type Queues,
  type ShutdownReport,
  type Switches,
} from './queues/index.ts';
import { systemClock } from './shared/clock.ts';
import { SpillwayError } from './shared/errors.ts';
import {
  createDefaultLogger,
  createMaskingLogger,
  isLogger,
  type Logger,
  loggerMethods,
  silentLogger,
} from './shared/logger.ts';
import { closeOnSignals } from './shared/signals.ts';
import { noSuchOption } from './shared/unknown-option.ts';

export interface SpillwayOptions<D extends QueueDeclarations = readonly string[]> extends ConfigOptions {
  /**
   * All queues of the application: names, or a map from name to BullMQ's queue options and a `schema`. Then any other
   * name is an error, also for the compiler. Default: any name.
   */
  queues?: D;
  /** Where log lines go; a pino logger fits. Every line is masked. Default: pino on standard error. `false`: nowhere. */
  logger?: Logger | false;
  /** Of the cache: where it differs from what the rest of the configuration says. */
  cache?: CacheSettings;
  /**
   * On SIGTERM and SIGINT, close and end the process: exit code 0 when every job finished, 143 or 130 when some were given
   * back. Default true. With several Spillways in a process, each is closed before the exit.
   */
  handleSignals?: boolean;
}

/** Queues on one engine, with everything that was opened on it. */
export interface Spillway<D extends QueueDeclarations = readonly string[]> extends Queues<D> {
  /** The engine that keeps the jobs. */
  readonly engine: EngineName;
  /** How the failover engine is doing, and its events (`failover.on('state', …)`); undefined on other engines. */
  readonly failover: Failover | undefined;
  /** Live switches. */
  readonly switches: Switches;
  /** Puts a function behind a circuit breaker: the same one each time for the same name, function and options. */
  readonly breaker: MakeBreaker;
  /** Providers in order of preference, each behind a breaker: the next one is asked when one is open or fails. */
  readonly chain: MakeChain;
  /** All breakers made here, by name. */
  readonly breakers: Breakers;
  /**
   * A cache namespace: `spillway.cache('lead', { ttl: '10m', load: id => … })`. The cache is opened at the first call.
   * Throws SPILLWAY_INVALID_OPTION, SPILLWAY_CACHE_NAMESPACE, SPILLWAY_CLOSED.
   */
  readonly cache: Cache['namespace'];
  /** All of the cache: its namespaces by name, its state and statistics, its events. */
  readonly caches: Cache;
  /**
   * Closes everything that was opened here: workers first, which get `shutdownTimeoutMs` to finish their jobs, then the rest.
   * Jobs still running after that are moved back to the front of their queue. The same promise for every call; never
   * rejects. Takes at most `shutdownTimeoutMs` plus some 10 s, also with a dead Redis.
   */
  close(): Promise<void>;
}

/**
 * Opens a Spillway: BullMQ's objects on the engine that options and environment ask for. Nothing is connected
 * before the first queue or worker is opened. One log line says which engine and why.
 *
 * Throws SPILLWAY_INVALID_OPTION and SPILLWAY_INVALID_CONFIG.
 */
export function createSpillway<const D extends QueueDeclarations = readonly string[]>(
  options: SpillwayOptions<D> = {},
): Spillway<D> {
  checkOwnOptions(options);
  const config = resolveConfig(options);
  const logger = createMaskingLogger(chooseLogger(options.logger), config.secrets);
  const engine = createEngine(config, logger);
  const registry = new QueueRegistry(config, engine, logger, options.queues);
  for (const { name, message } of config.warnings) logger.warn({ warning: name }, message);
  logger.info(
    { engine: config.engine, reason: config.engineReason, target: engine.target },
    `Jobs are kept by the ${config.engine} engine (${engine.target}): ${config.engineReason}`,
  );
  const switches = new FileSwitches(config.engine, config.sqlite, logger, systemClock);
  const breakers = new BreakerRegistry(logger, undefined, switches.settings('breaker'));
  const caches = openCacheOf(config, logger, options.cache);
  return compose<D>(
    { config, logger, engine, registry, switches, breakers, caches },
    options.handleSignals ?? true,
  );
}

interface Parts {
  config: Config;
  logger: Logger;
  engine: Engine;
  registry: QueueRegistry;
  switches: FileSwitches;
  breakers: BreakerRegistry;
  caches: Cache;
}

function compose<D extends QueueDeclarations>(
  { config, logger, engine, registry, switches, breakers, caches }: Parts,
  handleSignals: boolean,
): Spillway<D> {
  let closing: Promise<ShutdownReport> | undefined;
  const isCacheOn = async () => (await switches.watch('cache')) === 'on';
  const unfollow = followSwitch(caches, config.cache.enabled, isCacheOn, logger);
  const shutDown = () => {
    unfollow();
    closing ??= registry.close().then(async report => {
      // Last: handlers of jobs call through them until their worker is closed, and a mode set by hand holds until then.
      breakers.close();
      await Promise.all([switches.close(), caches.close()]);
      forgetSignals?.();
      logger.debug(report, 'Closed');
      return report;
    });
    return closing;
  };
  const forgetSignals = handleSignals
    ? closeOnSignals({
        graceMs: config.shutdownTimeoutMs,
        hurry: () => registry.endGrace(),
        close: async () => {
          logger.info({}, 'Stopping: no new jobs are fetched, running ones may finish');
          const { givenBack, left } = await shutDown();
          return givenBack + left === 0;
        },
      })
    : undefined;

  // The registry speaks of names and settings; the overloads of `Queues` say the same with the types of payloads.
  const typed = {
    queue: registry.queue.bind(registry),
    worker: registry.worker.bind(registry),
    queueEvents: registry.queueEvents.bind(registry),
    flow: registry.flow.bind(registry),
    stats: registry.stats.bind(registry),
    job: registry.job.bind(registry),
  } as unknown as Queues<D>;
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= shutDown().then(() => undefined);
    return closed;
  };
  const { breaker, chain } = breakers;
  const { failover } = engine;
  const cache = caches.namespace.bind(caches) as Cache['namespace'];
  const own = { engine: config.engine, failover, switches, breaker, chain, breakers, cache, caches };
  return { ...own, ...typed, close };
}

function chooseLogger(given: Logger | false | undefined): Logger {
  if (given === false) return silentLogger;
  return given ?? createDefaultLogger();
}

/** All a Spillway may be given: an option that is misspelt would else be one that was not given. */
const knownOptions = {
  queues: true,
  logger: true,
  cache: true,
  handleSignals: true,
  engine: true,
  sqlite: true,
  redis: true,
  postgres: true,
  failover: true,
  prefix: true,
  shutdownTimeoutMs: true,
  environment: true,
} as const satisfies Record<keyof SpillwayOptions, true>;

function checkOwnOptions(options: SpillwayOptions<QueueDeclarations>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new SpillwayError(
      'SPILLWAY_INVALID_OPTION',
      `The options must be an object, as in createSpillway({ redis: …, queues: […] }); received a value of type ${Array.isArray(options) ? 'list' : typeof options}`,
      { details: { option: 'options', range: 'an object' } },
    );
  }
  const unknown = Object.keys(options).find(name => !Object.hasOwn(knownOptions, name));
  if (unknown !== undefined) {
    throw noSuchOption('', unknown, Object.keys(knownOptions));
  }
  const { logger, handleSignals, queues, cache } = options;
  if (logger && !isLogger(logger)) {
    throw wrong('logger', `false or an object with the methods ${loggerMethods.join(', ')}`, typeof logger);
  }
  if (cache !== undefined && (typeof cache !== 'object' || cache === null)) {
    throw wrong('cache', 'an object, as in { cache: { enabled: false } }', typeof cache);
  }
  if (handleSignals !== undefined && typeof handleSignals !== 'boolean') {
    throw wrong('handleSignals', 'true or false', typeof handleSignals);
  }
  if (queues !== undefined && (typeof queues !== 'object' || queues === null)) {
    throw wrong('queues', 'a list of names or a map from name to options', typeof queues);
  }
}

function wrong(option: string, range: string, received: string): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} must be ${range}; received a value of type ${received}`,
    { details: { option, range, received } },
  );
}
