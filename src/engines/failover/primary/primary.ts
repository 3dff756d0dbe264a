import type { IQueueBackend } from 'bullmq';
import { classifyFailure, type FailureClass, isAvailabilityFailure } from '../../../redis/index.ts';
import type { Clock } from '../../../shared/clock.ts';
import type { EndingKey, TakenUnit } from '../../sqlite/index.ts';
import type { BackendOptions, Role } from '../backend/core.ts';

/** What a write probe found. */
export type Health =
  | { ok: true; facts: Facts }
  | { ok: false; failure: FailureClass; message: string; remedy?: string };

/** What tells one life of a primary from the next; a field that isn't known is absent. */
export interface Facts {
  /** Changes when the server process does. */
  runId?: string;
  /** The value of the key we leave there; null when it is gone, and with it everything else. */
  sentinel?: string | null;
  /** Time (ms since 1970) up to which writes are known to be on the primary's disk; absent when it writes none. */
  persistedUntil?: number;
}

/** A kind of primary: Redis, PostgreSQL or another. Knows how to connect BullMQ's backends to it. */
export interface Primary {
  /** For logs and errors; without credentials. */
  readonly target: string;
  /** Tells it from others: backends with equal identities share a controller. Holds no secret in the clear. */
  readonly identity: string;
  /** Another server may take its place without all of its writes; the one before may answer all the same. */
  readonly failsOver: boolean;
  connect(queueName: string, options: BackendOptions, role: Role): Connection;
  /** @param id names this process among all. */
  openMaintenance(deadlineMs: number, clock: Clock, id: string): Maintenance;
}

/** A backend on the primary. */
export interface Connection {
  backend: IQueueBackend;
  /** It is to end: it doesn't connect again, and waits for no more jobs; what was asked may still be answered. */
  letGo(): void;
}

/** The controller's own connection to the primary. Every call may throw what the connection throws. */
export interface Maintenance {
  /** A write, answered within the deadline or not healthy. Never rejects. */
  check(): Promise<Health>;
  /** Nothing is wanted of it for now: what was asked and hangs fails. The next check connects again. */
  drop(): void;
  /** Leaves the key whose loss tells that the data is gone; answers the value that stands. */
  leaveSentinel(value: string): Promise<string | undefined>;
  /**
   * The backend of a queue, on this connection.
   * @param metrics how many points of metrics to keep of what it finishes; 0 = it collects none.
   */
  queue(qualifiedName: string, metrics?: number): IQueueBackend;
  /** The cursor of the queue's newest event; undefined when the primary can't tell. */
  newestEvent(qualifiedName: string): Promise<string | undefined>;
  /** Does what the queue's listeners have been told already, so that they don't hear it twice. */
  silently(qualifiedName: string, call: (backend: IQueueBackend) => Promise<void>): Promise<void>;
  /**
   * Adds jobs with all they have been through; all of them or none, and at most once for a batch.
   * @throws UnitsRefused when it will never take some of them.
   */
  addBatch(batch: string, units: readonly TakenUnit[]): Promise<BatchReport>;
  /** Need not remember for long any more that a batch was added: it is gone from the ledger. */
  forgetBatch(batch: string): Promise<void>;
  /** Opens these windows of de-duplication for what is left of them, but for those that are open. False: it can't. */
  openWindows(keys: readonly EndingKey[]): Promise<boolean>;
  /** Takes a waiting job into the active state with no lock, so that a kept report can finish it. */
  reclaim(qualifiedName: string, jobId: string): Promise<boolean>;
  /** Active jobs whose lock is one of these tokens. */
  claimedWith(qualifiedName: string, tokens: ReadonlySet<string>): Promise<{ id: string; token: string }[]>;
  /** Which of these jobs are there. */
  present(qualifiedName: string, ids: readonly string[]): Promise<boolean[]>;
  /** Which of these jobs are there and still to be run; those that are gone or finished are not. */
  unfinished(qualifiedName: string, ids: readonly string[]): Promise<boolean[]>;
  /** Removes up to `atMost` of the oldest finished jobs, to free memory; answers how many. */
  makeRoom(qualifiedName: string, atMost: number): Promise<number>;
  close(): Promise<void>;
}

export interface BatchReport {
  added: number;
  /** Ids that were there already, or stand for another job by de-duplication. */
  duplicates: Standing[];
}

/** None of a batch was added, because the primary can't hold some of it, whenever it is asked. */
export class UnitsRefused extends Error {
  readonly units: ReadonlyMap<TakenUnit, string>;

  /** @param units those it can't hold, each with why. */
  constructor(units: ReadonlyMap<TakenUnit, string>) {
    super(`the primary refuses ${units.size} of a batch: ${[...units.values()][0]}`);
    this.name = 'UnitsRefused';
    this.units = units;
  }
}

/** Whether the primary said no to what it was given, as opposed to being in trouble itself. */
export function isRefusal(error: unknown): boolean {
  return !isAvailabilityFailure(classifyFailure(error));
}

/** A job that stands where another of its id was to go. */
export interface Standing {
  queue: string;
  job: string;
}
