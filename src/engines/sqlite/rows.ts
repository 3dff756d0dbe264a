/*
 * Which row of table `job` a job gets.
 *
 * BullMQ names most jobs by the queue's counter: "1", "2", "3"… For those the row number itself says queue and id, so
 * that they need no index on the id: one b-tree less to write for each job added. All other ids have rows from
 * NAMED_ROWS on and an index. Row numbers stay below 2^53, so that they are exact in JavaScript.
 */

/** Jobs the counter of one queue can name this way; later ones are named jobs. At 10 million jobs an hour, in a year and a half. */
const ROWS_PER_QUEUE = 2 ** 37;
/** Queues whose jobs can be named this way. */
const COUNTED_QUEUES = 2 ** 15;
/** Rows from here on are of jobs found by the index on their ids. */
export const NAMED_ROWS = 2 ** 52;

/** The row of a job with a counter's id, or undefined when its id is any other text. */
export function countedRow(queue: number, id: string): number | undefined {
  if (queue >= COUNTED_QUEUES || id.length === 0 || id.length > 12) return undefined;
  let n = 0;
  for (let index = 0; index < id.length; index++) {
    const digit = id.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9 || (digit === 0 && index === 0)) return undefined;
    n = n * 10 + digit;
  }
  return n < ROWS_PER_QUEUE ? queue * ROWS_PER_QUEUE + n : undefined;
}
