import fc from 'fast-check';
import type { EngineUnderTest } from '../../src/engines/conformance/index.ts';
import { canonical, codeOf, type Json, Lab } from '../../src/engines/conformance/index.ts';
import { anyCommand, type Breadth, type Command, type Side, stepsOf } from './commands.ts';

export interface ComparisonOptions {
  /** The engine that is questioned. */
  subject: EngineUnderTest;
  /** The engine whose answers are right: Redis. */
  oracle: EngineUnderTest;
  /** How many sequences of commands are tried; 50 by default. */
  runs?: number;
  /** The longest sequence; 40 by default. */
  length?: number;
  /** `core` by default; `wide` is slower and for hunting. */
  breadth?: Breadth;
  /** Replays a reported failure, together with `path`. */
  seed?: number;
  /** Replays a reported failure's shrunk sequence. */
  path?: string;
}

/**
 * Drives both engines with the same random commands and compares all that can be seen after each one. A failure is
 * shrunk to a short sequence and reported with the seed and path that replay it.
 */
export async function compareEngines(options: ComparisonOptions): Promise<void> {
  const { subject, oracle, runs = 50, length = 40, breadth = 'core', seed, path } = options;
  const sequence = fc.array(anyCommand(breadth), { minLength: 1, maxLength: length, size: 'max' });
  await fc.assert(
    fc.asyncProperty(sequence, commands => follow(subject, oracle, commands)),
    { numRuns: runs, ...(seed === undefined ? {} : { seed }), ...(path === undefined ? {} : { path }) },
  );
}

async function follow(
  subject: EngineUnderTest,
  oracle: EngineUnderTest,
  commands: readonly Command[],
): Promise<void> {
  const now = Date.now();
  const sides = [open(subject, now), open(oracle, now)] as const;
  try {
    for (const [at, command] of commands.entries()) {
      const [seen, expected] = await Promise.all([observe(sides[0], command), observe(sides[1], command)]);
      if (canonical(seen) === canonical(expected)) continue;
      throw new Error(
        `${subject.name} differs from ${oracle.name} after step ${at + 1} (${JSON.stringify(command)})\n` +
          `${oracle.name}: ${canonical(expected)}\n${subject.name}: ${canonical(seen)}`,
      );
    }
  } finally {
    await Promise.all(sides.map(side => side.lab.close()));
  }
}

function open(engine: EngineUnderTest, now: number): Side {
  const lab = new Lab(engine);
  const worker = lab.worker(null, {
    lockDuration: 600_000,
    stalledInterval: 1,
    metrics: { maxDataPoints: 10 },
  });
  return { lab, queue: lab.queue(), worker, flow: lab.flow(), ids: [], now };
}

async function observe(side: Side, command: Command): Promise<Json> {
  const { lab, queue } = side;
  const step = stepsOf('wide')[command.do];
  if (!step) throw new Error(`no step is called ${command.do}`);
  const cursor = await lab.cursor(queue);
  const answer = await step(side, command).catch((error: Error) => ({
    refused: error.message,
    code: codeOf(error),
  }));
  const where = await lab.where(queue);
  // Jobs that came without being added by a step, such as the next one of keepLastIfActive.
  for (const id of Object.values(where).flat()) if (!side.ids.includes(id)) side.ids.push(id);
  const jobs: Record<string, Json> = {};
  for (const id of side.ids) jobs[id] = settled(await lab.stored(queue, id));
  return lab.scrub({
    answer: rounded(answer),
    where,
    counts: await queue.getJobCounts(),
    events: await lab.eventLog(queue, cursor),
    jobs,
  });
}

/** A delay counted from the engine's own clock is near a round number; round it, so that both sides agree. */
function settled(job: Json): Json {
  if (job === null || typeof job !== 'object' || Array.isArray(job) || typeof job.delay !== 'number')
    return job;
  const round = (delay: number) => Math.round(delay / 10_000) * 10_000;
  const { opts } = job;
  if (opts === null || typeof opts !== 'object' || Array.isArray(opts) || typeof opts.delay !== 'number')
    return { ...job, delay: round(job.delay) };
  return { ...job, delay: round(job.delay), opts: { ...opts, delay: round(opts.delay) } };
}

/** What is left of a rate limit's ten minutes depends on the clock. */
function rounded(answer: unknown): unknown {
  if (typeof answer === 'number') return answer > 500_000 && answer <= 600_000 ? 600_000 : answer;
  return Array.isArray(answer) ? answer.map(rounded) : answer;
}
