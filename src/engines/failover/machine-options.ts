import { SpillwayError } from '../../shared/errors.ts';

/** When the failover engine leaves its primary, and when it comes back. */
export interface MachineOptions {
  /**
   * The longest pause between a probe's result and the next probe while the primary is in use; up to a quarter
   * shorter by chance. Milliseconds, default 500.
   */
  probeIntervalMs?: number;
  /** The same on the standby and while returning. Milliseconds, default 250. */
  retryIntervalMs?: number;
  /**
   * What `retryIntervalMs` grows to in a long outage: from the 6th failed probe in a row on, by a sixth each.
   * Milliseconds, default 1000; never less than `retryIntervalMs`.
   */
  maxRetryIntervalMs?: number;
  /**
   * Pieces of evidence in a row (a failed probe; calls that failed between two probes) that make a failed probe
   * switch to the standby. Whole, default 2.
   */
  failuresToSwitch?: number;
  /** Good probes in a row before the standby may be left. Whole, default 3. */
  probesToReturn?: number;
  /** How long the standby is kept at least, within 20 % by chance. Milliseconds, default 1000. */
  holdMs?: number;
  /** What the hold time doubles up to, within 20 % by chance. Milliseconds, default 30000; never less than `holdMs`. */
  maxHoldMs?: number;
  /**
   * A switch to the standby doubles the hold time if it comes sooner than this after the standby was left, and sets
   * it back to `holdMs` otherwise. Milliseconds, default 60000.
   */
  calmMs?: number;
}

export const MACHINE_DEFAULTS = {
  probeIntervalMs: 500,
  retryIntervalMs: 250,
  maxRetryIntervalMs: 1000,
  failuresToSwitch: 2,
  probesToReturn: 3,
  holdMs: 1000,
  maxHoldMs: 30_000,
  calmMs: 60_000,
} as const satisfies Required<MachineOptions>;

const MAX_COUNT = 100;
const MAX_MS = 3_600_000;

/**
 * Checks the options and fills in the defaults.
 * @throws SpillwayError SPILLWAY_INVALID_OPTION naming the option, its range and the value received.
 */
export function resolveMachineOptions(given: MachineOptions): Required<MachineOptions> {
  const options: Required<MachineOptions> = { ...MACHINE_DEFAULTS, ...given };
  for (const option of Object.keys(MACHINE_DEFAULTS) as (keyof MachineOptions)[]) {
    const value: unknown = options[option];
    const isTime = option.endsWith('Ms');
    const max = isTime ? MAX_MS : MAX_COUNT;
    const fits = typeof value === 'number' && value >= 1 && value <= max;
    if (fits && (isTime || Number.isInteger(value))) continue;
    const range = isTime ? `1 to ${max} milliseconds` : `a whole number, 1 to ${max}`;
    throw new SpillwayError(
      'SPILLWAY_INVALID_OPTION',
      `Option ${option} must be ${range}; received ${String(value)}.`,
      { details: { option, range } },
    );
  }
  options.maxRetryIntervalMs = Math.max(options.retryIntervalMs, options.maxRetryIntervalMs);
  options.maxHoldMs = Math.max(options.holdMs, options.maxHoldMs);
  return options;
}
