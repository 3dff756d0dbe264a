import recorded from './answers.json' with { type: 'json' };
import { type ConformanceOptions, conformance as declare } from './run.ts';

export { behaviours } from './behaviours/index.ts';
export { type AnyBackendFactory, type Behaviour, type EngineUnderTest, keyOf } from './engine.ts';
export { canonical, codeOf, type Json, sortKeys } from './json.ts';
export { Lab } from './lab.ts';
export type { ConformanceOptions, Result, TestFramework } from './run.ts';
export { answerOf, runBehaviours } from './run.ts';

/** What Redis answered, by behaviour: the key `keyOf` gives. */
export const recordedAnswers = recorded as ConformanceOptions['answers'];

/**
 * Declares the whole suite, one test a behaviour, with the test functions passed in:
 *
 *     import { describe, it } from 'vitest';
 *     conformance({ describe, it, engine: { name: 'mine', factory, connection: () => ({ ... }) } });
 *
 * The engine must answer what Redis answered when the answers were recorded.
 */
export function conformance(
  options: Omit<ConformanceOptions, 'answers'> & Partial<Pick<ConformanceOptions, 'answers'>>,
): void {
  declare({ ...options, answers: options.answers ?? recordedAnswers });
}
