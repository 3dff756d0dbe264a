/** The long run: Redis dies, hangs and restarts again and again, under load. */
import type { Fault } from '../harness/fault.ts';
import type { Stage } from '../harness/stage.ts';
import { AOF_EVERYSEC } from './gone.ts';

interface Blow {
  inject(stage: Stage): Promise<void> | void;
  heal(stage: Stage): Promise<void> | void;
}

/** In turn. */
const BLOWS: readonly Blow[] = [
  { inject: ({ server }) => server.kill(), heal: ({ server }) => server.restart() },
  { inject: ({ server }) => server.pause(), heal: ({ server }) => server.resume() },
  { inject: ({ server }) => server.stop(), heal: ({ server }) => server.restart() },
];

const blowOf = ({ cycle }: Stage) => BLOWS[(cycle - 1) % BLOWS.length]!;

export const cycleFaults: readonly Fault[] = [
  {
    name: 'ten-cycles',
    title: 'ten times: kill -9, SIGSTOP or an orderly restart, at 2,000 jobs a second',
    rows: [],
    rate: 2000,
    cycles: 10,
    redis: AOF_EVERYSEC,
    journal: 'until-persisted',
    inject: stage => blowOf(stage).inject(stage),
    heal: stage => blowOf(stage).heal(stage),
    expect: { away: true, duplicateShare: 0.001 },
  },
];
