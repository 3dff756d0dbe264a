import { deepEqual, ok } from 'node:assert/strict';
import { behaviours } from './behaviours/index.ts';
import { type Behaviour, type EngineUnderTest, keyOf } from './engine.ts';
import { canonical, isHollow, type Json } from './json.ts';
import { Lab } from './lab.ts';

/** What became of one behaviour on one engine. */
export interface Result {
  key: string;
  group: string;
  /** Present when the behaviour ran to its end. */
  answer?: Json;
  /** Present when it did not: the assertion, the engine's error, or the time limit. */
  error?: Error;
  /** Wall time, in milliseconds. */
  took: number;
}

/** No behaviour may take longer than this unless told otherwise, in milliseconds. */
const patience = 20_000;

/** Runs one behaviour in a lab of its own and answers what it saw. */
export async function answerOf(
  behaviour: Behaviour,
  engine: EngineUnderTest,
  limit = patience,
): Promise<Json> {
  const lab = new Lab(engine);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limit} ms`)), limit);
  });
  try {
    const answer = lab.scrub(await Promise.race([behaviour.run(lab), late]));
    ok(!isHollow(answer), `the answer says nothing: ${JSON.stringify(answer)}`);
    return answer;
  } finally {
    clearTimeout(timer);
    await lab.close();
  }
}

/** Runs all behaviours whose key contains `filter`, one after the other, each for at most `limit` ms. */
export async function runBehaviours(
  engine: EngineUnderTest,
  filter = '',
  limit = patience,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const behaviour of behaviours) {
    const key = keyOf(behaviour);
    if (!key.includes(filter)) continue;
    const began = performance.now();
    const result: Result = { key, group: behaviour.group, took: 0 };
    try {
      result.answer = await answerOf(behaviour, engine, limit);
    } catch (error) {
      result.error = error instanceof Error ? error : new Error(String(error));
    }
    result.took = performance.now() - began;
    results.push(result);
  }
  return results;
}

/** The part of a test framework the suite needs; vitest, mocha, jest and node:test all fit. */
export interface TestFramework {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
}

export interface ConformanceOptions extends TestFramework {
  engine: EngineUnderTest;
  /** The expected answers by key; those recorded on Redis when absent. */
  answers: Readonly<Record<string, Json>>;
  /** Runs only the behaviours whose key contains this text. */
  filter?: string;
  /**
   * Behaviours by key in which the engine is known to answer otherwise, with the reason. Exactly these must: one that
   * answers what Redis answered fails, so that the list stays true.
   */
  differences?: Readonly<Record<string, string>>;
}

/** A behaviour that is known to differ may wait in vain, so it is given up sooner, in milliseconds. */
const patienceWithDifferences = 2_000;

/** Declares one test a behaviour: the engine must answer what Redis answered. */
export function conformance(options: ConformanceOptions): void {
  const { engine, describe, it, answers, filter = '', differences = {} } = options;
  const unknown = Object.keys(differences).filter(key => !behaviours.some(it => keyOf(it) === key));
  ok(unknown.length === 0, `no behaviour is called ${unknown.map(key => `"${key}"`).join(', ')}`);
  for (const group of new Set(behaviours.map(behaviour => behaviour.group))) {
    const chosen = behaviours.filter(it => it.group === group && keyOf(it).includes(filter));
    if (chosen.length === 0) continue;
    describe(`${engine.name}: ${group}`, () => {
      for (const behaviour of chosen) {
        it(behaviour.name, async () => {
          const key = keyOf(behaviour);
          ok(key in answers, `no answer recorded for "${key}"; record it on Redis`);
          const reason = differences[key];
          if (reason === undefined) return deepEqual(await answerOf(behaviour, engine), answers[key]);
          const answer = await answerOf(behaviour, engine, patienceWithDifferences).catch(String);
          ok(canonical(answer) !== canonical(answers[key] ?? null), `it answers as Redis, though: ${reason}`);
        });
      }
    });
  }
}
