/*
 * What was taken out of the standby and is on its way to the primary: written in the transaction that deletes it there,
 * so that a drain killed at any moment is gone on with. A row is a job of a unit, or (job NULL) the unit's scheduler.
 * A batch's number is never given twice (AUTOINCREMENT): who settles an old one late must not hit a new one.
 */
export const movingSchema = `
CREATE TABLE IF NOT EXISTS failover_batch (
  batch INTEGER PRIMARY KEY AUTOINCREMENT,
  at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS failover_moving (
  batch INTEGER NOT NULL,
  unit INTEGER NOT NULL,
  node INTEGER NOT NULL,
  queue TEXT NOT NULL,
  job TEXT,
  body TEXT NOT NULL,
  PRIMARY KEY (batch, unit, node)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS failover_moving_job ON failover_moving (queue, job) WHERE job IS NOT NULL;
`;
