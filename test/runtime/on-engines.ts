import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import {
  createSpillway,
  isSpillwayError,
  type QueueDeclarations,
  type Spillway,
  type SpillwayErrorCode,
  type SpillwayOptions,
} from '../../src/index.ts';
import { startEngine, type TestEngine, testedEngines } from './engines.ts';

/** What a test of the runtime gets of the engine it runs on. */
export interface OnEngine {
  readonly name: (typeof testedEngines)[number];
  /** A Spillway on this engine, closed after the test: silent, deaf to signals and to the environment, unless told. */
  start<const D extends QueueDeclarations = readonly string[]>(options?: SpillwayOptions<D>): Spillway<D>;
  /** A queue name nobody has used. */
  fresh(): string;
}

/** Describes the same behaviour on every engine, each with one server or folder for the whole file. */
export function onEachEngine(about: string, tests: (on: OnEngine) => void): void {
  describe.each(testedEngines)(`${about} on %s`, name => {
    let engine: TestEngine;
    let names = 0;
    const open: { close(): Promise<void> }[] = [];

    beforeAll(async () => {
      engine = await startEngine(name);
    });
    afterEach(async () => {
      await Promise.all(open.splice(0).map(spillway => spillway.close()));
    });
    afterAll(() => engine.stop());

    tests({
      name,
      start(options) {
        const quiet = { logger: false, handleSignals: false, environment: {} } as const;
        const spillway = createSpillway({ ...quiet, ...engine.options, ...options } as NonNullable<
          typeof options
        >);
        open.push(spillway);
        return spillway;
      },
      fresh: () => `queue-${++names}`,
    });
  });
}

/** What `run` throws or rejects with. */
export async function failure(run: () => unknown): Promise<Error> {
  try {
    await run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not throw');
}

/** The message of the SpillwayError that `run` must fail with. */
export async function refused(code: SpillwayErrorCode, run: () => unknown): Promise<string> {
  const error = await failure(run);
  expect([isSpillwayError(error), (error as { code?: string }).code, error.message]).toEqual([
    true,
    code,
    expect.any(String),
  ]);
  return error.message;
}
