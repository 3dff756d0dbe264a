/** `npm run chaos`: hurts a real Redis under real traffic, and says what was lost. See README.md. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { testSeed } from '../test/support/random.ts';
import { type Args, readArgs, usage } from './arguments.ts';
import { FAULTS, faultNamed } from './faults/index.ts';
import { type Result, report } from './harness/report.ts';
import { runFault } from './harness/run-fault.ts';

// Ending through exit() runs the handlers that end children and servers and remove their files.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.once('SIGHUP', () => process.exit(129));

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  let args: Args;
  try {
    args = readArgs(
      argv,
      FAULTS.map(({ name }) => name),
    );
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    return 2;
  }
  if (args.help) {
    console.log(usage);
    return 0;
  }
  if (args.list) {
    for (const { name, rows, title } of FAULTS) {
      console.log(`${name.padEnd(24)} ${rows.join(', ').padStart(2) || '  '}  ${title}`);
    }
    return 0;
  }
  return runAll(args);
}

async function runAll(args: Args): Promise<number> {
  const seed = args.seed ?? testSeed();
  const faults = args.faults.length === 0 ? FAULTS : args.faults.map(faultNamed);
  console.log(`seed ${seed}, engine ${args.engine}, ${faults.length} faults`);
  const results: Result[] = [];
  for (const fault of faults) {
    const result = await runFault(fault, { ...args, seed });
    results.push(result);
    console.log(`${result.verdict.padEnd(7)} ${fault.name} (${result.seconds.toFixed(0)} s)`);
  }
  console.log(`\n${report(results)}`);
  if (args.json !== undefined) {
    mkdirSync(dirname(args.json), { recursive: true });
    writeFileSync(args.json, `${JSON.stringify({ seed, options: args, results }, undefined, 2)}\n`);
  }
  const failed = results.filter(({ verdict }) => verdict === 'FAILED').map(({ fault }) => fault);
  if (failed.length === 0) return 0;
  console.log(
    `\n${failed.length} of ${results.length} FAILED. Again: --seed ${seed} --fault ${failed.join(',')}`,
  );
  return 1;
}
