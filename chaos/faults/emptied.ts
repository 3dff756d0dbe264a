/** Redis lives and has forgotten everything: rows 2, 3. */
import type { Fault } from '../harness/fault.ts';

/** More is acknowledged than is worked off: there is something to forget. */
const PILING_UP = { capacity: 0.8, journal: 'until-completed' } as const;

export const emptiedFaults: readonly Fault[] = [
  {
    ...PILING_UP,
    name: 'empty-restart',
    title: 'Redis without persistence killed, comes back empty',
    rows: [2],
    redis: ['--save', '', '--appendonly', 'no'],
    lastsMs: [0, 2000],
    inject: ({ server }) => server.kill(),
    heal: ({ server }) => server.restart(),
    // It may be back before anyone noticed: what must be noticed is that it is empty.
  },
  {
    ...PILING_UP,
    name: 'flushall',
    title: 'FLUSHALL under load',
    rows: [3],
    lastsMs: [0, 0],
    expect: { emptied: true },
    async inject(stage) {
      await stage.admin('FLUSHALL');
    },
  },
];
