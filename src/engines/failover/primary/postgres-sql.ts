/*
 * The few statements of our own on BullMQ's tables. Names are unqualified, as in its own: the connection's search path says
 * which schema.
 */

/** $1 queue, $2 field, $3 ms since 1970. Nothing when it is there. */
export const MARK = `INSERT INTO meta (queue, field, value) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING field`;

/** Marks of batches made before $2. */
export const BATCH_LEFT = `DELETE FROM meta WHERE queue = $1 AND field LIKE 'batch:%' AND value::bigint < $2::bigint`;

/** $1 queue, $2 id. */
export const PRESENT = `SELECT 1 FROM job WHERE queue = $1 AND id = $2`;

/** $1 queue, $2 id. */
export const HISTORY = `
UPDATE job SET
  opts = $3::jsonb, delay_ms = $4, priority = $5,
  attempts_made = $6, attempts_started = $7, stalled_count = $8,
  processed_at_ms = $9, failed_reason = $10, stacktrace = $11::jsonb, progress = $12::jsonb,
  deferred_failure = $13, dedup_id = $14
WHERE queue = $1 AND id = $2
`;

/** $1 queue, $2 id, $3 its place, $4 the line. */
export const LOG = `INSERT INTO job_log (queue, job_id, idx, row) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`;

/** What this transaction has told since event $1. */
export const EVENTS_OF_OURS = `DELETE FROM event WHERE id >= $1 AND xmin = pg_current_xact_id()::xid`;

/** $1 queue, $2 id: in work, with no lock. */
export const RECLAIM = `
UPDATE job SET state = 'active', lock_token = NULL, locked_until_ms = NULL, process_at_ms = NULL
WHERE queue = $1 AND id = $2 AND state IN ('waiting', 'delayed')
RETURNING id
`;

/** $1 queue, $2 tokens. */
export const CLAIMED = `SELECT id, lock_token AS token FROM job WHERE queue = $1 AND state = 'active' AND lock_token = ANY($2)`;

/** $1 queue, $2 the window's id, $3 its job, $4 its end, $5 now. */
export const WINDOW = `
INSERT INTO dedup (queue, dedup_id, job_id, expire_at_ms) VALUES ($1, $2, $3, $4)
ON CONFLICT (queue, dedup_id) DO UPDATE SET job_id = excluded.job_id, expire_at_ms = excluded.expire_at_ms
WHERE dedup.expire_at_ms <= $5
`;
