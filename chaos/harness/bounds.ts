/** What is promised, and how long chaos waits before it says that a promise was not kept. Milliseconds. */

/** No `add` may take longer: the engine is told so. */
export const DEADLINE_MS = 500;
/** The processes under test share the machine with each other, with Redis and with us: being late is not hanging. */
export const LATENESS_MS = 100;
/** Redis answers a moment before its restart, or the command that mends it, is known to be over. */
export const HEALED_UNNOTICED_MS = 250;

/** A child process compiles, connects and says that it is ready. */
export const START_MS = 30_000;
/** After the fault is mended: back on Redis, every producer and worker at work. */
export const RECOVER_MS = 60_000;
/** What was acknowledged is processed, however much it is, as long as it goes on. */
export const NO_PROGRESS_MS = 15_000;
/** And however long it goes on. */
export const WORK_OFF_MS = 600_000;
/** Calls under way when the producers stop. */
export const SETTLE_MS = 5_000;

/**
 * Locks far shorter than BullMQ's 30 s, so that a job whose worker or connection went away is seen to run again
 * within a run, and a zombie is one within seconds.
 */
export const LOCK_MS = 5_000;
export const STALLED_CHECK_MS = 2_000;

/**
 * So often each process may try to get in again, in the first seconds: it has about five connections, which try again after 50, 100,
 * 200 ms and so on. Without that growth it would be 100.
 */
export const MOST_KNOCKS_PER_SECOND = 20;
