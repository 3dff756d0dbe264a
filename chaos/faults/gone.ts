/** Redis goes away and comes back with its data: rows 1, 8, 14. */
import type { Fault } from '../harness/fault.ts';
import type { Stage } from '../harness/stage.ts';
import { until } from '../harness/wait.ts';

/** More is acknowledged than is worked off: when Redis goes, jobs wait in it. */
const PILING_UP = { capacity: 0.8 };
const AOF_ALWAYS = ['--appendonly', 'yes', '--appendfsync', 'always'];
export const AOF_EVERYSEC = ['--appendonly', 'yes', '--appendfsync', 'everysec'];

const goneAndBack = {
  inject: ({ server }: Stage) => server.kill(),
  heal: ({ server }: Stage) => server.restart(),
  expect: { away: true },
} as const;

/** Keys that are not ours, so that reading the file takes a while. */
const DUMP_KEYS = 60_000;
/** Redis's own delay for tests, in microseconds a key, and how often it answers meanwhile, in bytes. */
const SLOW_LOADING = ['--key-load-delay', '20', '--loading-process-events-interval-bytes', '1024'];

export const goneFaults: readonly Fault[] = [
  {
    ...goneAndBack,
    ...PILING_UP,
    name: 'kill-aof-always',
    title: 'Redis killed (append-only file, each write fsynced), restarted',
    rows: [1],
    redis: AOF_ALWAYS,
    lastsMs: [1000, 3000],
  },
  {
    ...goneAndBack,
    ...PILING_UP,
    name: 'kill-aof-everysec',
    title: 'Redis killed (append-only file, fsynced every second), restarted',
    rows: [1],
    redis: AOF_EVERYSEC,
    // While it fsyncs Redis acknowledges before it writes: a kill in that moment needs a second copy.
    journal: 'until-persisted',
    lastsMs: [1000, 3000],
  },
  {
    ...goneAndBack,
    name: 'outage-20s',
    title: "Redis stopped for 20 s, longer than a worker's wait for jobs",
    rows: [8],
    lastsMs: [20_000, 20_000],
    async inject({ server }) {
      // SIGTERM: connections are closed properly, nothing is lost by it.
      await server.stop();
    },
  },
  {
    ...goneAndBack,
    name: 'loading',
    title: 'Redis killed, and for seconds after its restart it only says LOADING',
    rows: [14],
    journal: 'until-persisted',
    redis: [...AOF_EVERYSEC, '--enable-debug-command', 'local', ...SLOW_LOADING],
    lastsMs: [200, 1000],
    async prepare(stage) {
      await stage.admin('DEBUG', 'POPULATE', DUMP_KEYS);
      // DEBUG POPULATE writes no log of itself: a rewrite puts the keys into the file.
      await stage.admin('BGREWRITEAOF');
      const written = async () =>
        (await stage.info('aof_rewrites')) !== '0' && (await stage.info('aof_rewrite_in_progress')) === '0';
      if (!(await until(written, 30_000))) throw new Error('BGREWRITEAOF did not end within 30 s');
    },
  },
];
