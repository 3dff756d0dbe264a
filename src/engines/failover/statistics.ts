/** Numbers since the process began; each only grows. */
export interface StatisticsSnapshot {
  /** Times the standby took over. */
  switches: number;
  /** Jobs put on the standby. */
  spilled: number;
  /** Jobs given back to the primary. */
  returned: number;
  /** Adds whose outcome at the primary was unknown. */
  unknown: number;
  /** Results and other reports of workers kept for the primary. */
  reportsKept: number;
  reportsDelivered: number;
  /** Jobs known to have run twice, or to be about to. */
  duplicates: number;
  /** Jobs known or thought to be lost by the primary and not in a journal. */
  lost: number;
  /** Jobs added again from the journal. */
  recovered: number;
  /** Jobs acknowledged without the copy their journal promises, because the standby took no writes. */
  withoutCopy: number;
  /** Jobs run inside `add`. */
  ranInline: number;
  /** What the last failed probe said, with how to mend it. */
  lastTrouble: Trouble | undefined;
}

export interface Trouble {
  failure: string;
  message: string;
  remedy?: string;
}

export class Statistics implements StatisticsSnapshot {
  switches = 0;
  spilled = 0;
  returned = 0;
  unknown = 0;
  reportsKept = 0;
  reportsDelivered = 0;
  duplicates = 0;
  lost = 0;
  recovered = 0;
  withoutCopy = 0;
  ranInline = 0;
  lastTrouble: Trouble | undefined;

  snapshot(): StatisticsSnapshot {
    return { ...this };
  }
}
