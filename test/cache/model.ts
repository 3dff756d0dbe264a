import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { DURABLE, type RedisServer, startRedis } from '../servers/index.ts';
import type { SeededRandom } from '../support/random.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Actor, createTruth, type Row } from './actor-process.ts';

/**
 * How old a read may be at most, in ms: another process changed the value longer ago than that, and the change was
 * acknowledged. The documented bound: on one machine the time until a silent connection is given up; with no journal in
 * common the `ttl`, where Redis was away. Some of it is for a machine that is busy.
 */
export interface ModelOptions {
  random: SeededRandom;
  ms: number;
  /** As processes of one machine, or as if each were on its own. */
  journals: 'shared' | 'own';
}

export interface ModelReport {
  reads: number;
  writes: number;
  /** What was done to Redis and to the processes, and how often. */
  faults: Record<string, number>;
  /** The oldest read, in ms. */
  oldest: number;
  violations: string[];
}

const ACTORS = 3;
const KEYS = Array.from({ length: 24 }, (_, at) => `key-${at}`);
const CYCLE_MS = 2_000;
const SLACK_MS = 1_500;
/** The faults during which changes have to wait. */
const OUTAGES = ['killed and restarted', 'hung'];
const SILENT_MS = 3_000;

interface Written {
  value: Row;
  /** When the write was acknowledged, ms; never, when its process died before. */
  ackedAt: number;
}

/** Three processes, a database of record and a Redis that flaps: what is read must never be too old. */
export async function runModel({ random, ms, journals }: ModelOptions): Promise<ModelReport> {
  const ttlMs = journals === 'shared' ? 3_600_000 : 2_000;
  const bound = SLACK_MS + (journals === 'shared' ? SILENT_MS : ttlMs);
  const folder = tempDir('cache-model');
  // Redis loses nothing by itself: old values are there again after each outage.
  const redis = await startRedis({ args: DURABLE });
  const truth = createTruth(join(folder, 'truth.db'));
  const report: ModelReport = { reads: 0, writes: 0, faults: {}, oldest: 0, violations: [] };
  const startActor = (at: number) =>
    Actor.start({
      redis: redis.url,
      journal: join(folder, journals === 'shared' ? 'journal.db' : `journal-${at}.db`),
      truth: join(folder, 'truth.db'),
      ttlMs,
    });
  const actors = await Promise.all(Array.from({ length: ACTORS }, (_, at) => startActor(at)));
  const histories = new Map(KEYS.map(key => [key, [{ value: null, ackedAt: 0 }] as Written[]]));
  let lastValue = 0;
  const sound = () => report.violations.length === 0;
  let cycleEnd = 0;
  const going = () => performance.now() < cycleEnd && sound();
  try {
    await Promise.all(actors.map(actor => actor.ask({ op: 'ready', ms: 5_000 })));
    const end = performance.now() + ms;
    while (performance.now() < end && sound()) {
      cycleEnd = performance.now() + CYCLE_MS;
      await Promise.all([
        ...KEYS.map(key => write(key)),
        ...Array.from({ length: ACTORS * 2 }, (_, at) => read(at % ACTORS)),
        breakThings(),
      ]);
      await settle();
    }
  } finally {
    for (const actor of actors) await actor.kill();
    truth.close();
    await redis.stop();
  }
  return report;

  /** Redis is well and nobody writes: within the bound every process has the newest of everything. */
  async function settle(): Promise<void> {
    // One that has nothing in memory sees what is in Redis.
    await using fresh = await startActor(ACTORS);
    await fresh.ask({ op: 'ready', ms: 5_000 });
    const since = performance.now();
    const behind = async (whom = [...actors, fresh]) => {
      const asked = whom.flatMap((actor, at) =>
        KEYS.map(async key => ({ at, key, got: await actor.get(key) })),
      );
      return (await Promise.all(asked)).filter(({ key, got }) => !isCurrent(histories.get(key) ?? [], got));
    };
    // All changes are in Redis or in the journal, which it has looked at before it answers.
    const [tooOld] = journals === 'shared' ? await behind([fresh]) : [];
    if (tooOld !== undefined) report.violations.push(`a fresh process read ${JSON.stringify(tooOld)}`);
    for (let wrong = await behind(); wrong.length > 0; wrong = await behind()) {
      if (performance.now() - since > bound) {
        const [first] = wrong;
        const newest = first && histories.get(first.key)?.at(-1)?.value;
        report.violations.push(
          `still ${JSON.stringify(first)} after ${bound} ms; it is ${JSON.stringify(newest)}`,
        );
        return;
      }
      await pause(20);
    }
  }

  /** One after the other for each key, so that their order is known. */
  async function write(key: string): Promise<void> {
    const history = histories.get(key) ?? [];
    for (let left = random.int(1, 3); left > 0 && going(); left--) {
      await pause(random.int(0, CYCLE_MS));
      const value = random.chance(0.2) ? null : ++lastValue;
      const written: Written = {
        value: value === null ? null : { value },
        ackedAt: Number.POSITIVE_INFINITY,
      };
      history.push(written);
      const by = random.pick(['set', 'delete', 'tag'] as const);
      await actors[random.int(0, ACTORS - 1)]?.ask({ op: 'write', key, value, by }).then(
        () => {
          written.ackedAt = performance.now();
          report.writes++;
        },
        () => {},
      );
    }
  }

  async function read(at: number): Promise<void> {
    while (going()) {
      await pause(random.int(0, 10));
      const key = random.pick(KEYS);
      const askedAt = performance.now();
      const got = await actors[at]?.get(key).catch(() => 'gone' as const);
      if (got === 'gone' || got === undefined) continue;
      report.reads++;
      const age = ageOf(histories.get(key) ?? [], got, askedAt);
      report.oldest = Math.max(report.oldest, age);
      if (age > bound) {
        report.violations.push(
          `process ${at} read ${JSON.stringify(got)} of ${key}, changed ${Math.round(age)} ms before`,
        );
      }
    }
  }

  async function breakThings(): Promise<void> {
    const faults = faultsOf(redis, random, actors, startActor);
    const names = Object.keys(faults);
    while (going()) {
      await pause(random.int(50, 400));
      const name = random.chance(0.4) ? random.pick(OUTAGES) : random.pick(names);
      report.faults[name] = (report.faults[name] ?? 0) + 1;
      await faults[name]?.();
    }
    redis.resume();
  }
}

/** How long ago, when `askedAt`, the value that was read had been replaced; 0 when it had not. */
function ageOf(history: readonly Written[], got: Row, askedAt: number): number {
  const at = history.findLastIndex(({ value }) => value?.value === got?.value);
  const replaced = history.slice(at + 1).map(({ ackedAt }) => ackedAt);
  return Math.max(0, askedAt - Math.min(Number.POSITIVE_INFINITY, ...replaced));
}

/** The newest that was acknowledged, or one that was not: its process died, in the database it may be all the same. */
function isCurrent(history: readonly Written[], got: Row): boolean {
  const at = history.findLastIndex(({ value }) => value?.value === got?.value);
  return at >= history.findLastIndex(({ ackedAt }) => ackedAt !== Number.POSITIVE_INFINITY);
}

function faultsOf(
  redis: RedisServer,
  random: SeededRandom,
  actors: Actor[],
  startActor: (at: number) => Promise<Actor>,
): Record<string, () => Promise<void>> {
  const directly = async (...command: [string, ...string[]]) => {
    const client = new Redis(redis.url, {
      retryStrategy: () => null,
      connectTimeout: 500,
      commandTimeout: 500,
    });
    client.on('error', () => {});
    await client.call(...command).catch(() => {});
    client.disconnect();
  };
  return {
    'killed and restarted': async () => {
      await redis.kill();
      await pause(random.int(300, 1_500));
      await redis.restart();
    },
    'restarted empty': async () => {
      await redis.kill();
      rmSync(join(redis.dir, 'appendonlydir'), { recursive: true, force: true });
      await redis.restart();
    },
    hung: async () => {
      redis.pause();
      await pause(random.int(300, 2_000));
      redis.resume();
    },
    flushed: () => directly('FLUSHALL'),
    'subscribers killed': () => directly('CLIENT', 'KILL', 'TYPE', 'pubsub'),
    'connections killed': () => directly('CLIENT', 'KILL', 'TYPE', 'normal'),
    'a process stopped': async () => {
      const actor = random.pick(actors);
      actor.pause();
      await pause(random.int(20, 800));
      actor.resume();
    },
    'a process killed': async () => {
      const at = random.int(0, ACTORS - 1);
      await actors[at]?.kill();
      actors[at] = await startActor(at);
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
