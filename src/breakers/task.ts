import type { CallContext } from './types.ts';

/** A piece of work for a breaker that belongs to a service, not to one function: its function is `runTask`. */
export type Task = (context: CallContext) => unknown;
export const runTask = (context: CallContext, task: Task): unknown => task(context);
