import { SpillwayError } from '../shared/errors.ts';

const longestQueueName = 200;

/**
 * A queue's name stands in Redis keys, file names of dashboards and metric labels. 1 to 200 characters; no colon (BullMQ
 * builds its keys with it), no control characters. Throws SPILLWAY_INVALID_OPTION.
 */
export function checkQueueName(name: unknown): asserts name is string {
  const range = `a text of 1 to ${longestQueueName} characters without ":" and control characters`;
  if (typeof name !== 'string') throw refuse(range, `a value of type ${typeof name}`, name);
  if (name.length === 0) throw refuse(range, 'an empty text', name);
  if (name.length > longestQueueName) throw refuse(range, `${name.length} characters`, name);
  if (/[:\p{Cc}]/u.test(name)) throw refuse(range, JSON.stringify(name), name);
}

function refuse(range: string, received: string, name: unknown): SpillwayError {
  return new SpillwayError('SPILLWAY_INVALID_OPTION', `A queue name must be ${range}; received ${received}`, {
    details: { option: 'name', range, received: typeof name === 'string' ? name.slice(0, 100) : typeof name },
  });
}
