/**
 * `npm test`: what the tests need, then every gate and every test, and how many passed.
 *
 *   npm test                          everything
 *   npm test -- --only unit           one step, or several with commas; `gates` is all but the tests
 *   npm test -- src/engines -t drain  the tests of these files, with these vitest options
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUILD_STEPS } from './build.ts';
import { runTool } from './support/run.ts';
import { parseArguments } from './testing/arguments.ts';
import { ensureRequirements } from './testing/requirements.ts';
import { type Count, countVitest, linesWithSecrets, type VitestReport } from './testing/results.ts';

let captured = '';
function print(text: string): void {
  captured += text;
  process.stdout.write(text);
}

type Step = (vitestArguments: string[]) => Promise<Count>;

const STEPS: Record<string, Step> = {
  biome: gate(() => runTool('biome', ['check', '.'])),
  types: gate(() => runTool('tsc', ['--noEmit', '--pretty', 'false'])),
  ...Object.fromEntries(Object.entries(BUILD_STEPS).map(([name, step]) => [name, gate(step)])),
  unit: runVitest,
};

/** A check that passes or fails as a whole; it is quiet when it passes. */
function gate(check: () => Promise<{ ok: boolean; output: string }>): Step {
  return async () => {
    const { ok, output } = await check();
    if (!ok) print(`${output.trimEnd()}\n`);
    return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: [] };
  };
}

async function runVitest(vitestArguments: string[]): Promise<Count> {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-report-'));
  const file = join(folder, 'vitest.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const color = process.stdout.isTTY ? { FORCE_COLOR: '1' } : { FORCE_COLOR: undefined, NO_COLOR: '1' };
  try {
    const { code } = await runTool('vitest', ['run', ...reporters, ...vitestArguments], {
      // The tests start hundreds of processes; what one has compiled the others need not.
      env: { NODE_COMPILE_CACHE: join(folder, 'compiled'), ...process.env, ...color },
      print,
    });
    const report = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as VitestReport) : undefined;
    return countVitest(report, code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<Count> {
  const total: Count = { passed: 0, failed: 0, skipped: [] };
  const { only, vitest } = parseArguments(process.argv.slice(2), Object.keys(STEPS));
  const chosen = Object.entries(STEPS).filter(([name]) => only.length === 0 || only.includes(name));
  if (chosen.some(([name]) => name === 'unit')) {
    const { ok, notes } = await ensureRequirements();
    for (const note of notes) print(`${note}\n`);
    if (!ok) return { ...total, failed: 1 };
  }
  for (const [name, step] of chosen) {
    if (name === 'unit') print('\n--- unit\n');
    const started = performance.now();
    const count = await step(vitest).catch((error: unknown): Count => {
      print(`${error instanceof Error ? error.message : String(error)}\n`);
      return { passed: 0, failed: 1, skipped: [] };
    });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    print(`${count.failed === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)\n`);
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped.push(...count.skipped);
  }
  const secrets = linesWithSecrets(captured);
  if (secrets.length > 0) {
    print(`FAILED secrets: the output shows one\n${secrets.join('\n')}\n`);
    total.failed++;
  } else {
    print('ok     secrets (none in the output)\n');
    total.passed++;
  }
  return total;
}

const total = await main().catch((error: unknown): Count => {
  print(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return { passed: 0, failed: 1, skipped: [] };
});
for (const name of total.skipped) print(`skipped: ${name}\n`);
print(`${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
