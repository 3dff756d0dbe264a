import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type Runner, withoutPrivileges } from '../../test/faults/index.ts';
import { type RedisServer, startRedis } from '../../test/servers/index.ts';
import { type SeededRandom, seededRandom } from '../../test/support/random.ts';
import { removeTempDir, tempDir } from '../../test/support/temp-dir.ts';
import { DoneRecord } from '../actors/done-record.ts';
import { type EngineAddress, type EngineName, type Journal, PRIMARY } from '../engine.ts';
import { ChaosProxy } from '../proxy.ts';
import * as bounds from './bounds.ts';
import { Child, type ChildOptions } from './child.ts';
import type { Fault } from './fault.ts';
import { Ledger } from './ledger.ts';
import type { ToldChange } from './timings.ts';
import { until } from './wait.ts';

export interface StageOptions {
  readonly engine: EngineName;
  readonly random: SeededRandom;
  readonly rate: number;
  readonly journal: Journal;
  readonly idempotent: boolean;
}

export const DEFAULT_REDIS = ['--appendonly', 'yes', '--appendfsync', 'everysec'];
const PRODUCERS = 2;
const WORKERS = 2;
/** Jobs a worker has at work at once. */
const CONCURRENCY = 10;
/** Of all workers together. */
export const SLOTS = WORKERS * CONCURRENCY;
const STEADY_HANDLER_MS = 5;
const KEEP_FINISHED = 1000;
/** A command of ours to a Redis that we expect to answer. */
const ADMIN_MS = 10_000;

/** Who takes part in a run: Redis, the way to it, producers and workers, and what is known of them. */
export class Stage implements AsyncDisposable {
  readonly server: RedisServer;
  readonly random: SeededRandom;
  readonly rate: number;
  /** Where the standby keeps its file. */
  readonly standbyFolder: string;
  readonly children: readonly Child[];
  readonly ledger = new Ledger();
  readonly changes: ToldChange[] = [];
  /** Lives that were ended by the fault. */
  readonly killed = new Set<string>();
  /** What was not as it must be. */
  readonly problems: string[] = [];
  /** Figures that have no column. */
  readonly notes: string[] = [];
  /** Of the present strike, from 1. */
  cycle = 0;
  readonly #folder: string;
  readonly #proxy: ChaosProxy | undefined;
  readonly #admin: Redis;

  private constructor(fault: Fault, options: StageOptions, parts: Parts) {
    const { server, proxy, folder, runner } = parts;
    this.server = server;
    this.random = options.random;
    this.rate = options.rate;
    this.#folder = folder;
    this.#proxy = proxy;
    this.standbyFolder = join(folder, 'standby');
    mkdirSync(this.standbyFolder);
    this.#admin = adminOf(server.port);

    const doneFile = options.idempotent ? join(folder, 'done.db') : undefined;
    if (doneFile !== undefined) new DoneRecord(doneFile).close();
    const engine: EngineAddress = {
      engine: options.engine,
      port: proxy?.port ?? server.port,
      file: join(this.standbyFolder, 'standby.db'),
      journal: options.journal,
      deadlineMs: bounds.DEADLINE_MS,
    };
    const shared = { engine, queue: 'chaos' };
    const onDeath = (why: string) => void this.problems.push(why);
    const child = (role: Child['role'], number: number, config: ChildOptions['config']) =>
      new Child(`${role}${number}`, { role, config, folder, runner, onDeath });
    const producer = {
      ...shared,
      rate: options.rate / PRODUCERS,
      keepFinished: fault.keepFinished ?? KEEP_FINISHED,
    };
    const handlerMs =
      fault.capacity === undefined ? STEADY_HANDLER_MS : (SLOTS * 1000) / (fault.capacity * options.rate);
    const { LOCK_MS: lockMs, STALLED_CHECK_MS: stalledCheckMs } = bounds;
    const worker = { ...shared, concurrency: CONCURRENCY, handlerMs, lockMs, stalledCheckMs, doneFile };
    this.children = [
      ...Array.from({ length: PRODUCERS }, (_, index) => child('producer', index + 1, producer)),
      ...Array.from({ length: WORKERS }, (_, index) => child('worker', index + 1, worker)),
    ];
  }

  /** Starts Redis and the children; resolves when all are connected. */
  static async open(fault: Fault, options: StageOptions): Promise<Stage> {
    const runner = fault.unprivileged ? privilegesOff() : undefined;
    const folder = tempDir('chaos');
    let server: RedisServer | undefined;
    let proxy: ChaosProxy | undefined;
    let stage: Stage | undefined;
    try {
      server = await startRedis({ args: [...(fault.redis ?? DEFAULT_REDIS)], dir: join(folder, 'redis') });
      // A source of its own: what traffic there is must not move the moments of the strikes.
      const chance = seededRandom(options.random.int(0, 2 ** 32 - 1));
      if (fault.proxied) proxy = await ChaosProxy.start(server.port, chance);
      stage = new Stage(fault, options, { server, proxy, folder, runner });
      await Promise.all(stage.children.map(child => child.start()));
      return stage;
    } catch (error) {
      if (stage !== undefined) await stage[Symbol.asyncDispose]();
      else await Promise.all([proxy?.close(), server?.stop()]).then(() => removeTempDir(folder));
      throw error;
    }
  }

  get producers(): readonly Child[] {
    return this.children.filter(({ role }) => role === 'producer');
  }

  get workers(): readonly Child[] {
    return this.children.filter(({ role }) => role === 'worker');
  }

  get proxy(): ChaosProxy {
    if (this.#proxy === undefined) throw new Error('this fault is not declared as proxied');
    return this.#proxy;
  }

  /** A command to Redis itself, past the proxy, on a connection that was there before the fault. */
  async admin(command: string, ...args: (string | number)[]): Promise<unknown> {
    return this.#admin.call(command, ...args);
  }

  /** A value of INFO. */
  async info(field: string): Promise<string> {
    const text = String(await this.admin('INFO', 'everything'));
    return new RegExp(`^${field}:(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  }

  /** Takes in all that the children wrote and told. */
  look(): void {
    for (const child of this.children) child.look(this.ledger, this.changes);
  }

  /** Asks until it holds, with a fresh look each time. */
  async sees(holds: () => boolean, withinMs: number): Promise<boolean> {
    return until(() => {
      this.look();
      return holds();
    }, withinMs);
  }

  startTraffic(): void {
    for (const producer of this.producers) producer.send({ do: 'start' });
  }

  /** What still keeps it from working as before the fault, which ended at `since`. */
  notRecovered(since: number): string[] {
    const { lastRun, lastAcknowledged } = this.ledger;
    return this.children.flatMap(({ name, role, state }) => {
      if (state !== undefined && state !== PRIMARY) return [`${name} is in state ${state}`];
      const last = (role === 'worker' ? lastRun : lastAcknowledged).get(name) ?? Number.NEGATIVE_INFINITY;
      const what = role === 'worker' ? 'has run no job' : 'has had no add acknowledged';
      return last > since ? [] : [`${name} ${what} since`];
    });
  }

  /** SIGKILL. */
  async killChild(child: Child): Promise<void> {
    this.killed.add(child.name);
    await child.kill(this.ledger, this.changes);
  }

  /** Lets a worker finish, and end. */
  async closeChild(child: Child): Promise<void> {
    this.killed.add(child.name);
    await child.close(bounds.SETTLE_MS, this.ledger, this.changes);
  }

  /** Of all files, whatever way it ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#admin.disconnect();
    await Promise.all(this.children.map(child => child.kill(this.ledger, this.changes)));
    await this.#proxy?.close();
    await this.server.kill();
    removeTempDir(this.#folder);
  }
}

interface Parts {
  readonly server: RedisServer;
  readonly proxy: ChaosProxy | undefined;
  readonly folder: string;
  readonly runner: Runner | undefined;
}

/** Thrown when this machine cannot make a fault. */
export class NotPossibleError extends Error {}

function privilegesOff(): Runner {
  const possible = withoutPrivileges();
  if (possible.possible) return possible;
  throw new NotPossibleError(possible.reason);
}

/** Connects at once and again after each restart; a command waits for that, within a bound. */
function adminOf(port: number): Redis {
  const admin = new Redis(port, '127.0.0.1', {
    commandTimeout: ADMIN_MS,
    maxRetriesPerRequest: null,
    enableReadyCheck: false,
    retryStrategy: () => 50,
  });
  admin.on('error', () => {});
  return admin;
}
