import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { clearTimeout, setImmediate, setTimeout } from 'node:timers';
import type { Clock } from '../../shared/clock.ts';

/*
 * Which clock for what (fault 30: the time of day is moved by an hour):
 *
 * - What a job records (timestamp, processedOn, finishedOn, when a delayed job is due) is the time of day of the
 *   calling program, `Date.now()`, as with Redis. A delayed job is due when the time of day says so.
 * - Locks, the stalled check and rate limits are spans, measured on the machine's monotonic clock, which all
 *   processes of one boot share. After a reboot they are all over (see `bootId`).
 * - De-duplication windows may outlive a reboot: time of day, but the machine's, not the program's.
 *
 * The functions are taken at import: a test that replaces the globals moves the program's clock, not the engine's.
 */
const sinceStart = performance.now.bind(performance);
const realNow = Date.now;
/** Both are the machine's monotonic clock; `performance.now` is the cheap one, but counts from the program's start. */
const startedAt = Number(process.hrtime.bigint() / 1000n) / 1000 - sinceStart();

/** The machine's monotonic clock, in milliseconds since boot. The same in every process of the machine. */
export function monotonicMs(): number {
  return startedAt + sinceStart();
}

/** The machine's time of day, in milliseconds since 1970, also when a test has replaced `Date`. */
export function machineNow(): number {
  return realNow();
}

/** The caller's time of day, in milliseconds since 1970. */
export function callerNow(): number {
  return Date.now();
}

let cachedBootId: string | undefined;

/** Names the machine's current boot: monotonic times of another boot mean nothing. */
export function bootId(): string {
  cachedBootId ??= readBootId();
  return cachedBootId;
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // No such file outside Linux: the minute of the boot is stable enough, and a wrong guess only ends locks early.
    return `booted-${Math.round((machineNow() / 1000 - uptime()) / 60)}`;
  }
}

/**
 * A clock whose `monotonic` is the same in every process of the machine until it is booted again, unlike the `systemClock`,
 * which counts from the program's start.
 *
 * @internal
 */
export interface MachineClock extends Clock {
  /** Names the boot that `monotonic` counts from. */
  boot(): string;
}

/** @internal */
export const machineClock: MachineClock = { now: callerNow, monotonic: monotonicMs, boot: bootId };

export const timers = { setImmediate, setTimeout, clearTimeout };
