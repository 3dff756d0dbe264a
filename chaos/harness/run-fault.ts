import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '../../test/support/random.ts';
import { type EngineName, type Journal, PRIMARY } from '../engine.ts';
import { LATENESS_MS, NO_PROGRESS_MS, RECOVER_MS, SETTLE_MS, START_MS, WORK_OFF_MS } from './bounds.ts';
import { sharedClockMs } from './clock.ts';
import { type Facts, gatherFacts } from './facts.ts';
import type { Fault } from './fault.ts';
import type { Ledger } from './ledger.ts';
import type { Result } from './report.ts';
import { NotPossibleError, SLOTS, Stage } from './stage.ts';
import type { Strike } from './timings.ts';
import { broken } from './verdict.ts';
import { until } from './wait.ts';

/** How to run faults. What is undefined is as the fault itself says. */
export interface RunSettings {
  readonly engine: EngineName;
  /** Of the whole run; each fault draws from a seed of its own, made of this and its name. */
  readonly seed: number;
  /** Traffic before each strike, at most, and after the last one. */
  readonly seconds: number;
  readonly rate?: number | undefined;
  readonly cycles?: number | undefined;
  readonly journal?: Journal | undefined;
  readonly idempotent: boolean;
  /** What a call of `add` may take beyond its deadline because the machine is busy. 100 ms when not given. */
  readonly latenessMs?: number;
}

const DEFAULT_RATE = 200;
const DEFAULT_LASTS_MS = [2000, 4000] as const;
/** The earliest moment of a strike, as a share of the traffic before it. */
const EARLIEST = 0.2;
const TEXTS_SHOWN = 3;

/** Runs one fault on a stage of its own, from the start of Redis to the verdict. Never rejects. */
export async function runFault(fault: Fault, settings: RunSettings): Promise<Result> {
  const startedAt = sharedClockMs();
  const result = (rest: Omit<Result, 'fault' | 'rows' | 'seed' | 'seconds'>): Result => {
    const seconds = (sharedClockMs() - startedAt) / 1000;
    return { fault: fault.name, rows: fault.rows, seed: settings.seed, seconds, ...rest };
  };
  if (fault.needsStandby && settings.engine === 'redis') {
    return result({ verdict: 'skipped', reasons: ['this engine has no standby'], notes: [] });
  }
  try {
    await using stage = await Stage.open(fault, {
      engine: settings.engine,
      random: seededRandom(settings.seed ^ hash(fault.name)),
      rate: settings.rate ?? fault.rate ?? DEFAULT_RATE,
      journal: settings.journal ?? fault.journal ?? 'off',
      idempotent: settings.idempotent,
    });
    const { facts, reasons } = await play(stage, fault, settings);
    const notes = [...stage.notes, ...notesOn(facts, stage.ledger)];
    return result({ verdict: reasons.length === 0 ? 'ok' : 'FAILED', reasons, notes, facts });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof NotPossibleError)
      return result({ verdict: 'skipped', reasons: [message], notes: [] });
    return result({ verdict: 'FAILED', reasons: [`could not be run: ${message}`], notes: [] });
  }
}

async function play(
  stage: Stage,
  fault: Fault,
  settings: RunSettings,
): Promise<{ facts: Facts; reasons: string[] }> {
  const { problems, ledger, changes, killed } = stage;
  await fault.prepare?.(stage);
  const cycles = settings.cycles ?? fault.cycles ?? 1;
  const strikes: Strike[] = [];
  stage.startTraffic();
  if (!(await stage.sees(() => stage.notRecovered(0).length === 0, START_MS))) {
    throw new Error(`there was no traffic to disturb: ${stage.notRecovered(0).join('; ')}`);
  }
  for (stage.cycle = 1; stage.cycle <= cycles; stage.cycle++) {
    const strike = await strikeOnce(stage, fault, settings.seconds * 1000);
    strikes.push(strike);
    if (await stage.sees(() => stage.notRecovered(strike.healedAt).length === 0, RECOVER_MS)) continue;
    const still = stage.notRecovered(strike.healedAt).join('; ');
    problems.push(`${RECOVER_MS / 1000} s after the end of the fault (cycle ${stage.cycle}): ${still}`);
    break;
  }
  await delay(settings.seconds * 1000);

  await Promise.all(
    stage.producers.map(producer => producer.ask({ do: 'stop', settleMs: SETTLE_MS }, 2 * SETTLE_MS)),
  );
  stage.look();
  const endedAt = sharedClockMs();
  await workedOff(stage);
  await fault.conclude?.(stage);
  const away = stage.children.filter(({ state }) => state !== undefined && state !== PRIMARY);
  for (const { name, state } of away) problems.push(`at the end ${name} is in state ${state}`);

  const facts = gatherFacts({ ledger, changes, strikes, endedAt, killed });
  const hasStates = settings.engine !== 'redis';
  const circumstances = {
    hasStates,
    idempotent: settings.idempotent,
    strikes: strikes.length,
    slots: SLOTS,
    latenessMs: settings.latenessMs ?? LATENESS_MS,
  };
  return { facts, reasons: [...broken(fault, facts, circumstances), ...problems] };
}

/** At a moment drawn from the seed, for a time drawn from the seed. */
async function strikeOnce(stage: Stage, fault: Fault, trafficMs: number): Promise<Strike> {
  const { random } = stage;
  await delay(trafficMs * (EARLIEST + random.next() * (1 - EARLIEST)));
  const lastsMs = random.int(...(fault.lastsMs ?? DEFAULT_LASTS_MS));
  const injectedAt = sharedClockMs();
  await fault.inject(stage);
  await delay(lastsMs);
  await fault.heal?.(stage);
  return { injectedAt, healedAt: sharedClockMs() };
}

/** All that was acknowledged is processed, and nothing is left that could run once more. */
async function workedOff(stage: Stage): Promise<void> {
  const { ledger, problems } = stage;
  let seen = { progress: ledger.progress, at: sharedClockMs() };
  const goesOn = () => {
    if (ledger.progress !== seen.progress) seen = { progress: ledger.progress, at: sharedClockMs() };
    return sharedClockMs() - seen.at < NO_PROGRESS_MS;
  };
  await stage.sees(() => ledger.owed === 0 || !goesOn(), WORK_OFF_MS);

  let left: number | undefined;
  const [asked] = stage.producers;
  await until(
    async () => {
      left = await asked?.ask({ do: 'unfinished' }, SETTLE_MS);
      stage.look();
      return left === 0 || !goesOn();
    },
    WORK_OFF_MS,
    200,
  );
  if (left === undefined) problems.push('the queue could not be counted at the end');
  else if (left > 0) problems.push(`${left} jobs are left in the queue, and nobody runs them`);
}

function notesOn(facts: Facts, { rejections, errors }: Ledger): string[] {
  const { p99OnStandbyMs, resumeMs, suppressed, counted, uncounted, duplicated } = facts;
  const ms = (value: number | undefined) => (value === undefined ? 'none' : `${Math.round(value)} ms`);
  return [
    `first job added and processed after the fault: ${ms(resumeMs)}`,
    ...(p99OnStandbyMs === undefined ? [] : [`adds on the standby: p99 ${ms(p99OnStandbyMs)}`]),
    ...(suppressed === 0 ? [] : [`${suppressed} second runs found the work done`]),
    `told by the engine: ${counted} jobs that ran twice or might; not told: ${uncounted.length} of ${duplicated.length}`,
    ...mostFrequent('adds failed', rejections),
    ...mostFrequent('error events', errors),
  ];
}

function mostFrequent(what: string, counts: ReadonlyMap<string, number>): string[] {
  const sorted = [...counts].toSorted(([, one], [, other]) => other - one);
  const shown = sorted.slice(0, TEXTS_SHOWN).map(([text, count]) => `${count}x "${text}"`);
  const more = sorted.length > TEXTS_SHOWN ? `, and ${sorted.length - TEXTS_SHOWN} more kinds` : '';
  return shown.length === 0 ? [] : [`${what}: ${shown.join(', ')}${more}`];
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let bits = 0x811c9dc5;
  for (const character of text) bits = Math.imul(bits ^ character.charCodeAt(0), 0x01000193);
  return bits;
}
