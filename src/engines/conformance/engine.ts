import type { IQueueBackend } from 'bullmq';
import type { Lab } from './lab.ts';

/** A BullMQ backend factory whose connection type the suite does not need to know. */
export type AnyBackendFactory = (
  name: string,
  opts: never,
  options?: { blocking?: boolean; withBlockingConnection?: boolean },
) => IQueueBackend;

/** One engine the suite can be run on. */
export interface EngineUnderTest {
  /** Shown in test names and reports. */
  name: string;
  /** What is passed to BullMQ's classes as their third argument. */
  factory: AnyBackendFactory;
  /** The `connection` option for every queue class of one behaviour. */
  connection(): object;
  /** The `prefix` option; BullMQ's own default (`bull`) when absent. */
  prefix?: string;
  /** The event cursor that reads from the beginning; Redis's `0-0` when absent. */
  oldestEvent?: string;
}

/** One thing an engine must do. The answer is scrubbed (see `json.ts`) before it is compared. */
export interface Behaviour {
  group: string;
  name: string;
  run(lab: Lab): Promise<unknown>;
}

/** Names one family; the keys say one thing each that an engine must do. */
export function family(
  group: string,
  cases: Record<string, (lab: Lab) => Promise<unknown>>,
): readonly Behaviour[] {
  return Object.entries(cases).map(([name, run]) => ({ group, name, run }));
}

/** Builds the cases of a table: one behaviour a row. */
export function table<Row>(
  rows: readonly Row[],
  name: (row: Row) => string,
  run: (lab: Lab, row: Row) => Promise<unknown>,
): Record<string, (lab: Lab) => Promise<unknown>> {
  return Object.fromEntries(rows.map(row => [name(row), (lab: Lab) => run(lab, row)]));
}

/** The name under which a behaviour's answer is recorded. */
export function keyOf(behaviour: Behaviour): string {
  return `${behaviour.group} > ${behaviour.name}`;
}
