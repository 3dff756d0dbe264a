import { STATE_COUNT, State, type StateCode } from './schema.ts';
import type { Row } from './sql/prepare.ts';

/**
 * What a process knows of a queue: its row, its meta fields and what the running batch has changed of them. Valid as
 * long as no other process has committed (`PRAGMA data_version`) and no batch was rolled back; written once a batch.
 */
export interface QueueState {
  /** Row number in table `queue`; 0 until the queue's first write. */
  num: number;
  /** `<prefix>:<queue>`. */
  readonly name: string;
  idCounter: number;
  priorityCounter: number;
  /** Position of the job at the front of `wait` (claimed next); the next job put in front gets one less. */
  waitHead: number;
  /** Position of the job at the back of `wait`; the next job added gets one more. */
  waitTail: number;
  /** Position of the job claimed last. */
  activeSeq: number;
  /** Stalled checks made so far; see ops/stalled.ts. */
  stalledEpoch: number;
  /** Until when (monotonic) no further stalled check is made. */
  stalledUntil: number;
  limiterCount: number;
  /** End of the rate limit's window (monotonic); 0 = the counter has no end. */
  limiterUntil: number;
  /** Cursor of the newest event. */
  eventMs: number;
  eventSeq: number;
  eventCount: number;
  /** Jobs by state. */
  readonly counts: number[];
  meta: Map<string, string>;
  metaLoaded: boolean;
  /** Score of the next delayed job; null = none, undefined = not known. */
  nextDelayed: number | null | undefined;
  /** Jobs at the front of `wait`, read ahead for claims of the same batch. */
  readAhead: Row[];
  dirty: boolean;
  /** Events of the running batch, flat arrays of strings as in Redis' stream. */
  events: string[][];
  /** Metrics of the running batch, by kind. */
  metrics: Map<'completed' | 'failed', QueueMetric>;
}

export interface QueueMetric {
  count: number;
  prevTs: number | null;
  prevCount: number | null;
  points: string[];
  dirty: boolean;
}

export function newQueueState(name: string): QueueState {
  return {
    num: 0,
    name,
    idCounter: 0,
    priorityCounter: 0,
    waitHead: 0,
    waitTail: 0,
    activeSeq: 0,
    stalledEpoch: 0,
    stalledUntil: 0,
    limiterCount: 0,
    limiterUntil: 0,
    eventMs: 0,
    eventSeq: 0,
    eventCount: 0,
    counts: new Array<number>(STATE_COUNT).fill(0),
    meta: new Map(),
    metaLoaded: false,
    nextDelayed: undefined,
    readAhead: [],
    dirty: false,
    events: [],
    metrics: new Map(),
  };
}

/** Fills a state from `SELECT * FROM queue`. */
export function readQueueState(name: string, row: Row): QueueState {
  const column = (index: number) => Number(row[index]);
  const state = newQueueState(name);
  state.num = column(0);
  state.idCounter = column(2);
  state.priorityCounter = column(3);
  state.waitHead = column(4);
  state.waitTail = column(5);
  state.activeSeq = column(6);
  state.stalledEpoch = column(7);
  state.stalledUntil = column(8);
  state.limiterCount = column(9);
  state.limiterUntil = column(10);
  state.eventMs = column(11);
  state.eventSeq = column(12);
  state.eventCount = column(13);
  for (let code = 0; code < STATE_COUNT; code++) state.counts[code] = column(14 + code);
  return state;
}

/** The columns of `QueueSql.save`, in its order. */
export function queueColumns(state: QueueState): number[] {
  return [
    state.idCounter,
    state.priorityCounter,
    state.waitHead,
    state.waitTail,
    state.activeSeq,
    state.stalledEpoch,
    state.stalledUntil,
    state.limiterCount,
    state.limiterUntil,
    state.eventMs,
    state.eventSeq,
    state.eventCount,
    ...state.counts,
  ];
}

export function count(state: QueueState, code: StateCode): number {
  return state.counts[code] as number;
}

/** Books a job that goes from one state to another; null = it comes into being or ceases to be. */
export function recount(state: QueueState, from: StateCode | null, to: StateCode | null): void {
  if (from !== null) state.counts[from] = count(state, from) - 1;
  if (to !== null) state.counts[to] = count(state, to) + 1;
  if (from === State.delayed || to === State.delayed) state.nextDelayed = undefined;
  state.dirty = true;
}
