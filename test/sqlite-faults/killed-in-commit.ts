import { join } from 'node:path';
import { checkAcks, killAtRandom, readAckLog, spawnScript } from '../faults/index.ts';
import { seededRandom } from '../support/random.ts';
import { removeTempDir, tempDir } from '../support/temp-dir.ts';
import { startActor } from './actor.ts';
import { checkInvariants, storedIds } from './invariants.ts';

export interface KilledRound {
  seed: number;
  /** What broke a promise, a line each. */
  problems: string[];
  acknowledged: number;
}

/**
 * One round of fault 21: a process that adds and works is killed at a moment drawn from the seed, twice on the same
 * file; then everything it acknowledged must be there, and the file be whole and usable.
 */
export async function killedRound(seed: number): Promise<KilledRound> {
  const random = seededRandom(seed);
  const folder = tempDir('killed-in-commit');
  const [file, log] = [join(folder, 'q.db'), join(folder, 'acks')];
  const durability = random.pick(['full', 'full', 'normal']);
  const problems: string[] = [];
  for (const life of [1, 2]) {
    await using writer = await spawnScript(join(import.meta.dirname, 'fixtures/writer.ts'), [
      file,
      log,
      String(seed),
      durability,
    ]);
    try {
      await killAtRandom(writer, { seed: random, messages: [1, 25], withinMs: 8 });
    } catch (error) {
      problems.push(`life ${life}: ${error instanceof Error ? error.message : String(error)}`);
    }
    problems.push(...checkInvariants(file).map(problem => `life ${life}: ${problem}`));
  }
  const acks = readAckLog(log);
  // Jobs stay when they have finished, so all that was acknowledged must still be there.
  const { lost, duplicated, unexpected } = checkAcks(acks, storedIds(file));
  for (const [what, ids] of Object.entries({ lost, duplicated, unexpected })) {
    if (ids.length > 0) problems.push(`${ids.length} ${what}: ${ids.slice(0, 5).join(', ')}`);
  }
  await using next = await startActor({ file });
  const id = await next.ask<string>({ do: 'add' });
  if ((await next.ask({ do: 'state', id })) !== 'waiting') problems.push('the next job was not stored');
  await next.ask({ do: 'close' });
  await next.script.kill();
  problems.push(...checkInvariants(file).map(problem => `at last: ${problem}`));
  if (problems.length === 0) removeTempDir(folder);
  return { seed, problems, acknowledged: acks.acknowledged.length };
}
