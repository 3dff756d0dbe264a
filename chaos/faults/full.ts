/** Redis has no room, in memory or on disk: rows 9, 10. */
import { mkdirSync, rmSync } from 'node:fs';
import { PRIMARY } from '../engine.ts';
import { sharedClockMs } from '../harness/clock.ts';
import type { Fault } from '../harness/fault.ts';
import type { Stage } from '../harness/stage.ts';
import { until } from '../harness/wait.ts';

/** Enough that removing them makes room for seconds of traffic. */
const FINISHED_JOBS = 5000;
const FILL_MS = 120_000;

export const fullFaults: readonly Fault[] = [
  {
    name: 'out-of-memory',
    title: 'maxmemory 1 without eviction: every write is refused',
    rows: [9],
    async inject(stage) {
      await stage.admin('CONFIG', 'SET', 'maxmemory', 1);
    },
    heal: unlimited,
    expect: { away: true },
  },
  {
    name: 'out-of-memory-finished',
    title: 'memory full of finished jobs: nobody helps, room must be made by trimming them',
    rows: [9],
    needsStandby: true,
    keepFinished: FINISHED_JOBS,
    lastsMs: [20_000, 20_000],
    async prepare(stage) {
      const [producer] = stage.producers;
      await producer?.ask({ do: 'burst', count: FINISHED_JOBS, atOnce: 50 }, FILL_MS);
      if (!(await stage.sees(() => stage.ledger.progress >= FINISHED_JOBS, FILL_MS))) {
        throw new Error(`${FINISHED_JOBS} jobs were not worked off within ${FILL_MS} ms`);
      }
    },
    async inject(stage) {
      await stage.admin('CONFIG', 'SET', 'maxmemory', await stage.info('used_memory'));
    },
    async heal(stage) {
      stage.look();
      const since = sharedClockMs() - 20_000;
      const returned = stage.changes.some(
        ({ at, from, to }) => at > since && from !== undefined && to === PRIMARY,
      );
      if (!returned) stage.problems.push('in 20 s no room was made: nobody went back to the primary');
      await unlimited(stage);
    },
    // Full, trimmed, full again: each time is a switch of its own.
    expect: { mostSwitches: 10 },
  },
  {
    name: 'misconf',
    title: 'the data folder is gone and BGSAVE fails: MISCONF',
    rows: [10],
    redis: ['--save', '3600 1', '--enable-protected-configs', 'local'],
    async inject(stage) {
      rmSync(stage.server.dir, { recursive: true });
      await save(stage, 'err');
    },
    async heal(stage) {
      mkdirSync(stage.server.dir);
      await stage.admin('CONFIG', 'SET', 'dir', stage.server.dir);
      await save(stage, 'ok');
    },
    expect: { away: true },
  },
];

async function unlimited(stage: Stage): Promise<void> {
  await stage.admin('CONFIG', 'SET', 'maxmemory', 0);
}

async function save(stage: Stage, outcome: 'ok' | 'err'): Promise<void> {
  await stage.admin('BGSAVE');
  const ended = async () =>
    (await stage.info('rdb_bgsave_in_progress')) === '0' &&
    (await stage.info('rdb_last_bgsave_status')) === outcome;
  if (!(await until(ended, 10_000))) throw new Error(`BGSAVE did not end with ${outcome} within 10 s`);
}
