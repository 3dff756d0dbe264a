/** Much waits on the standby when Redis returns: row 31, and the measured drain. */
import { setTimeout as delay } from 'node:timers/promises';
import { PRIMARY, RETURNING } from '../engine.ts';
import { sharedClockMs } from '../harness/clock.ts';
import type { Fault } from '../harness/fault.ts';
import type { Stage } from '../harness/stage.ts';

const SPILLED = 100_000;
/** A drain of seconds. */
const SPILLED_BEFORE_KILL = 20_000;
const AT_ONCE = 100;
const SPILL_MS = 300_000;
/** What the drain must reach, jobs a second. */
const DRAINED_PER_SECOND = 5000;
const RETURN_MS = 120_000;
const RETURNING_MS = 30_000;
/** The kill comes this long after the drain was seen, at most. */
const KILL_WITHIN_MS = 2000;

export const drainFaults: readonly Fault[] = [
  {
    name: 'killed-in-drain',
    title: `${SPILLED_BEFORE_KILL.toLocaleString('en-GB')} jobs go back to Redis, and every process is killed on the way`,
    rows: [31],
    needsStandby: true,
    cycles: 3,
    async inject(stage) {
      const { children, changes, random } = stage;
      await spill(stage, SPILLED_BEFORE_KILL);
      const restartedAt = sharedClockMs();
      await stage.server.restart();
      const seen = () => changes.some(({ at, to }) => at >= restartedAt && to === RETURNING);
      if (!(await stage.sees(seen, RETURNING_MS))) stage.problems.push('no process was seen returning');
      await delay(random.next() * KILL_WITHIN_MS);
      await Promise.all(children.map(child => stage.killChild(child)));
      await Promise.all(children.map(child => child.start()));
      stage.startTraffic();
    },
    lastsMs: [0, 0],
  },
  {
    name: 'drain',
    title: `${SPILLED.toLocaleString('en-GB')} jobs go back to Redis while new ones come in; measured`,
    rows: [],
    needsStandby: true,
    lastsMs: [0, 0],
    inject: stage => spill(stage, SPILLED),
    async heal(stage) {
      const { ledger, children } = stage;
      await stage.server.restart();
      const healedAt = sharedClockMs();
      stage.look();
      const waiting = ledger.owed;
      const returned = () => children.every(({ state }) => state === PRIMARY);
      if (!(await stage.sees(returned, RETURN_MS))) {
        stage.problems.push(
          `${RETURN_MS / 1000} s after the return of Redis not every process is back on it`,
        );
        return;
      }
      const backAt = Math.max(...stage.changes.filter(({ to }) => to === PRIMARY).map(({ at }) => at));
      const perSecond = waiting / ((backAt - healedAt) / 1000);
      const figure = `${waiting.toLocaleString('en-GB')} jobs waited on the standby, ${Math.round(perSecond).toLocaleString('en-GB')} a second until all were back`;
      if (perSecond < DRAINED_PER_SECOND) stage.problems.push(`a slow drain: ${figure}`);
      else stage.notes.push(figure);
    },
  },
];

/** Redis goes, producers add this many beside their rate, and only then workers come. */
async function spill(stage: Stage, count: number): Promise<void> {
  await Promise.all(stage.workers.map(worker => stage.closeChild(worker)));
  // In order, so that all it acknowledged is in its file: killed while it fsyncs, a second copy would be needed.
  await stage.server.stop();
  const { producers } = stage;
  const each = { do: 'burst', count: Math.ceil(count / producers.length), atOnce: AT_ONCE } as const;
  const answers = await Promise.all(producers.map(producer => producer.ask(each, SPILL_MS)));
  const accepted = answers.reduce<number>((sum, answer) => sum + (answer ?? 0), 0);
  if (accepted < count) stage.problems.push(`of ${count} jobs only ${accepted} were accepted without Redis`);
  await Promise.all(stage.workers.map(worker => worker.start()));
}
