import { family, table } from '../engine.ts';
import { states } from '../lab.ts';
import { fourIn } from './fixtures.ts';

const windows: readonly (readonly [number, number])[] = [
  [0, -1],
  [0, 0],
  [0, 1],
  [1, 2],
  [1, -1],
  [2, 9],
  [4, 9],
  [7, 9],
  [2, 1],
  [-2, -1],
  [-1, -1],
  [0, -2],
  [-3, -2],
];

const rows = states.flatMap(state =>
  [true, false].flatMap(asc => windows.map(window => ({ state, asc, window }))),
);

/** Four jobs in a state, looked at through a window, ascending and descending. */
export const ranges = family(
  'getters: ranges',
  table(
    rows,
    ({ state, asc, window }) =>
      `${state} ${asc ? 'ascending' : 'descending'} from ${window[0]} to ${window[1]}`,
    async (lab, { state, asc, window: [start, end] }) => {
      const { queue } = await fourIn(lab, state);
      const ids = await queue.getRanges([state], start, end, asc);
      const jobs = await queue.getJobs([state], start, end, asc);
      const raw = await queue.getBackend().getRanges([state], start, end, asc);
      return { ids, jobs: jobs.map(job => job.id), raw, of: state };
    },
  ),
);
