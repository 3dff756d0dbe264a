/** Redis is well, and drops connections: row 7. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from '../harness/fault.ts';
import type { Stage } from '../harness/stage.ts';

const TIMES = 5;

export const connectionFaults: readonly Fault[] = [
  {
    name: 'connections-killed',
    title: `CLIENT KILL of every connection, ${TIMES} times`,
    rows: [7],
    lastsMs: [0, 0],
    inject: stage => repeatedly(stage, () => killConnections(stage)),
  },
  {
    name: 'blocking-killed',
    title: `CLIENT KILL of the connections that wait for jobs, ${TIMES} times`,
    rows: [7],
    lastsMs: [0, 0],
    inject: stage => repeatedly(stage, () => killBlocked(stage)),
    expect: { mostSwitches: 1 },
  },
];

/** All but our own. */
export async function killConnections(stage: Stage): Promise<void> {
  await stage.admin('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
}

async function killBlocked(stage: Stage): Promise<void> {
  const list = String(await stage.admin('CLIENT', 'LIST'));
  for (const line of list.split('\n')) {
    const [, id] = /^id=(\d+) .* flags=\w*b/.exec(line) ?? [];
    // Gone in the meantime: as good as killed.
    if (id !== undefined) await stage.admin('CLIENT', 'KILL', 'ID', id);
  }
}

async function repeatedly(stage: Stage, action: () => Promise<void>): Promise<void> {
  for (let time = 1; time <= TIMES; time++) {
    await action();
    await delay(stage.random.int(100, 800));
  }
}
