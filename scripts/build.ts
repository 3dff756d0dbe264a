/**
 * `npm run build`: dist/ from nothing, then the gates a release must pass. `node scripts/build.ts exports` runs one
 * step only, on the dist/ that is there.
 */
import { compile } from './package/compile.ts';
import { checkExports } from './package/exports.ts';
import { withTarball } from './package/tarball.ts';
import { type RunResult, runTool } from './support/run.ts';

/** In order; the later ones look at what the first wrote. */
export const BUILD_STEPS: Record<string, () => Promise<RunResult>> = {
  compile,
  publint: () => withTarball(tarball => runTool('publint', ['run', tarball, '--strict'])),
  attw: () => withTarball(tarball => runTool('attw', [tarball, '--profile', 'esm-only', '--no-color'])),
  exports: checkExports,
};

async function main(names: string[]): Promise<boolean> {
  const unknown = names.filter(name => BUILD_STEPS[name] === undefined);
  if (unknown.length > 0) {
    console.error(`no such step: ${unknown.join(', ')}; there are ${Object.keys(BUILD_STEPS).join(', ')}`);
    return false;
  }
  for (const [name, step] of Object.entries(BUILD_STEPS)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const { ok, output } = await step();
    console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}\n${output.trimEnd().replaceAll(/^/gm, '       ')}`);
    if (!ok) return false;
  }
  return true;
}

if (import.meta.main) process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
