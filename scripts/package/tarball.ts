import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packageJson, ROOT, run } from '../support/run.ts';

/** Packs what a release would hold, hands over the tarball's path, and removes it after. */
export async function withTarball<T>(use: (tarball: string, folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-pack-'));
  try {
    const pack = ['pack', '--ignore-scripts', '--json', '--loglevel=error', '--pack-destination', folder];
    const packed = await run('npm', pack);
    if (!packed.ok) throw new Error(`npm pack failed:\n${packed.output}`);
    const { name, version } = packageJson();
    return await use(join(folder, `${name}-${version}.tgz`), folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * A project in which the package is installed as its users have it: the tarball unpacked, and of our node_modules
 * only what it declares. No network; an import of anything undeclared fails.
 */
export async function installInto(project: string, tarball: string): Promise<void> {
  const { name, dependencies = {}, peerDependencies = {} } = packageJson();
  const modules = join(project, 'node_modules');
  const target = join(modules, name);
  mkdirSync(target, { recursive: true });
  const unpacked = await run('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
  if (!unpacked.ok) throw new Error(`cannot unpack ${tarball}:\n${unpacked.output}`);
  for (const dependency of [...Object.keys(dependencies), ...Object.keys(peerDependencies), '@types/node']) {
    const link = join(modules, dependency);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', dependency), link, 'dir');
  }
}
