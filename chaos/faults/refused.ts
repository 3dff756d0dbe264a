/** Redis is well and refuses us: rows 11, 12. */
import { MARKER_SECRET } from '../../scripts/testing/results.ts';
import { freePort } from '../../test/servers/index.ts';
import { MOST_KNOCKS_PER_SECOND } from '../harness/bounds.ts';
import { sharedClockMs } from '../harness/clock.ts';
import type { Fault } from '../harness/fault.ts';
import type { Stage } from '../harness/stage.ts';
import { killConnections } from './connections.ts';

export const refusedFaults: readonly Fault[] = [
  {
    name: 'read-only-replica',
    title: 'Redis made a replica of a server that is not there: READONLY',
    rows: [11],
    // A master that answers would wipe the data.
    async inject(stage) {
      await stage.admin('REPLICAOF', '127.0.0.1', await freePort());
    },
    async heal(stage) {
      await stage.admin('REPLICAOF', 'NO', 'ONE');
    },
    expect: { away: true },
  },
  {
    name: 'no-replicas',
    title: 'min-replicas-to-write 1 with none: NOREPLICAS',
    rows: [12],
    ...setting('min-replicas-to-write', '1', '0'),
  },
  {
    name: 'wrong-password',
    title: 'the password is changed and every connection dropped: NOAUTH',
    rows: [12],
    ...setting('requirepass', `${MARKER_SECRET}chaos`, '', killConnections),
  },
  {
    name: 'max-clients',
    title: 'maxclients 1 and every connection dropped: nobody gets in',
    rows: [12],
    ...setting('maxclients', '1', '10000', killConnections),
  },
];

/** Changes a setting for a while and counts how often the refused knock. */
function setting(
  name: string,
  bad: string,
  good: string,
  then?: (stage: Stage) => Promise<void>,
): Pick<Fault, 'inject' | 'heal' | 'expect'> {
  const before = new WeakMap<Stage, { knocks: number; at: number }>();
  return {
    async inject(stage) {
      before.set(stage, { knocks: await knocks(stage), at: sharedClockMs() });
      await stage.admin('CONFIG', 'SET', name, bad);
      await then?.(stage);
    },
    async heal(stage) {
      const start = before.get(stage);
      const now = await knocks(stage);
      await stage.admin('CONFIG', 'SET', name, good);
      if (start === undefined) return;
      const perSecond = (now - start.knocks) / ((sharedClockMs() - start.at) / 1000);
      const figure = `${perSecond.toFixed(1)} connections a second were tried`;
      if (perSecond > MOST_KNOCKS_PER_SECOND * stage.children.length)
        stage.problems.push(`a retry storm: ${figure}`);
      else stage.notes.push(figure);
    },
    expect: { away: true },
  };
}

/** Connections accepted, with those turned away at once. */
async function knocks(stage: Stage): Promise<number> {
  return (
    Number(await stage.info('total_connections_received')) + Number(await stage.info('rejected_connections'))
  );
}
