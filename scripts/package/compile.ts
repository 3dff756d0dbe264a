import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, type RunResult, runTool } from '../support/run.ts';

/** dist/ from nothing: JavaScript and declarations by tsc, and what is neither copied beside them. */
export async function compile(): Promise<RunResult> {
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  const compiled = await runTool('tsc', ['-p', 'tsconfig.build.json', '--pretty', 'false']);
  if (!compiled.ok) return compiled;
  const assets = assetsIn(join(ROOT, 'src'));
  for (const asset of assets) cpSync(join(ROOT, 'src', asset), join(ROOT, 'dist', asset));
  for (const file of globSync('dist/**/*.d.ts', { cwd: ROOT })) rewriteFile(join(ROOT, file));
  return { ok: true, code: 0, output: `dist/ written, ${assets.length} assets copied\n` };
}

/** Everything a module may read beside itself at run time: .sql, .json, ... */
export function assetsIn(folder: string): string[] {
  return globSync('**/*.*', { cwd: folder }).filter(
    file => !/\.(ts|md)$|(^|\/)(fixtures|__snapshots__)\//.test(file),
  );
}

function rewriteFile(path: string): void {
  writeFileSync(path, rewriteExtensions(readFileSync(path, 'utf8')));
}

/** tsc's rewriteRelativeImportExtensions leaves declarations alone, and their .ts files are not in the package. */
export function rewriteExtensions(declarations: string): string {
  return declarations.replaceAll(/((?:from|import)\s*\(?\s*['"]\.[^'"]*)\.ts(?=['"])/g, '$1.js');
}
