import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { median } from '../harness/stats.ts';
import { type OpenSubject, type Row, rowOf, type Subject } from './subject.ts';

/** Who takes longer than this has lost; it is not waited for any more. */
const patienceMs = 2_000;
const misses = 12;
const staleKeys = 20;
/** A miss that waited for Redis; well below the deadline of 50 ms, well above a loader that answers at once. */
const waitedMs = 25;

export interface Troubles {
  /** The redis-server of this run, which the benchmark has started. */
  pid: number;
  open: OpenSubject;
  port: number;
}

/** The process of the redis-server at this port. */
export async function serverPid(port: number): Promise<number> {
  const client = new Redis({ host: '127.0.0.1', port });
  const info = await client.info('server');
  client.disconnect();
  return Number(/^process_id:(\d+)/m.exec(info)?.[1]);
}

/** What reads cost while Redis hangs, and after it was killed. `wrong` counts answers that are not the row asked for. */
export async function readsInTrouble({ pid, open, port }: Troubles) {
  let wrong = 0;
  let loads = 0;
  const load = async (key: string): Promise<Row> => {
    loads += 1;
    return rowOf(key);
  };
  const time = async (subject: Subject, key: string): Promise<number> => {
    const start = performance.now();
    const row = await within(subject.read(key));
    if (row !== undefined && row.id !== key) wrong += 1;
    return row === undefined ? patienceMs : performance.now() - start;
  };

  const stale = await open({ port, ttlMs: 100, graceMs: 3_600_000, load });
  const fresh = await open({ port, ttlMs: 3_600_000, graceMs: 0, load });
  for (let n = 0; n < staleKeys; n += 1) await stale.read(`stale-${n}`);
  await fresh.read('warm');
  await sleep(200);

  process.kill(pid, 'SIGSTOP');
  const staleMs = await several(staleKeys, n => time(stale, `stale-${n}`));
  await goOn(pid);
  process.kill(pid, 'SIGSTOP');
  const hungMs = await several(misses, n => time(fresh, `hung-${n}`));
  await goOn(pid);
  process.kill(pid, 'SIGKILL');
  await sleep(200);
  const killedMs = await several(misses, n => time(fresh, `killed-${n}`));
  for (const subject of [stale, fresh]) await within(subject.close());
  return {
    figures: {
      'hung-stale': median(staleMs),
      'hung-miss-worst': Math.max(...hungMs),
      'hung-misses-that-waited': hungMs.filter(ms => ms > waitedMs).length,
      'hung-miss-after': median(hungMs.slice(-Math.ceil(misses / 2))),
      'killed-miss': median(killedMs),
      'killed-miss-worst': Math.max(...killedMs),
    },
    wrong,
    loads,
  };
}

/** Redis goes on, and is used again by all before the next trouble comes. */
async function goOn(pid: number): Promise<void> {
  process.kill(pid, 'SIGCONT');
  await sleep(3_000);
}

/** One after the other; none any more once one took too long. */
async function several(count: number, measure: (n: number) => Promise<number>): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count && times.at(-1) !== patienceMs; n += 1) times.push(await measure(n));
  return times;
}

/** Undefined when it takes too long, or fails: then there is no answer either. */
async function within<T>(work: Promise<T>): Promise<T | undefined> {
  const timer = new AbortController();
  const late = sleep(patienceMs, undefined, { signal: timer.signal }).catch(() => undefined);
  const done = work.catch(() => undefined);
  const found = await Promise.race([done, late]);
  timer.abort();
  return found;
}
