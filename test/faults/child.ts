/** The child's side of spawnScript(): import this in a script that a test spawns. */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** The descriptor the parent reads JSON lines from; standard output stays free for the script's own words. */
const CHANNEL = 3;

/** Tells the parent something. Written when this returns: a kill right after does not lose it. */
export function report(message: unknown): void {
  writeSync(CHANNEL, `${JSON.stringify(message)}\n`);
}

/** What the parent sends, until it ends the channel. */
export async function* commands<T = unknown>(): AsyncGenerator<T> {
  for await (const line of createInterface({ input: process.stdin })) yield JSON.parse(line) as T;
}

/** A function that ends this process by SIGKILL at its `count`th call: put it where a crash should be tried. */
export function crashPoint(count: number): () => void {
  let calls = 0;
  return () => {
    if (++calls === count) process.kill(process.pid, 'SIGKILL');
  };
}
