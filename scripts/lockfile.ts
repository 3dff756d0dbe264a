/**
 * `npm ci` refuses a lockfile that lacks an entry for any platform's optional package, and npm leaves such entries
 * out when the registry it talked to could not answer for them (a mirror, usually). A fresh clone then fails on
 * every machine. This finds the missing entries; `node scripts/lockfile.ts` writes them, for `npm ci` to skip on
 * other platforms. Run it after `npm install <package>` when test/architecture.test.ts says so.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface LockedPackage {
  version?: string;
  dev?: boolean;
  license?: string;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}
export interface Lockfile {
  packages: Record<string, LockedPackage>;
}

const EXACT_VERSION = /^\d+\.\d+\.\d+(-[\w.]+)?$/;
const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'win32'];
const PROCESSORS = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64'];

/** Entries for the platform packages the lockfile mentions but does not list, by their place in node_modules. */
export function missingPlatformPackages(lock: Lockfile): Record<string, LockedPackage> {
  const missing: Record<string, LockedPackage> = {};
  for (const [owner, { optionalDependencies = {}, ...locked }] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const nested = `${owner}/node_modules/${name}`;
      const hoisted = `node_modules/${name}`;
      if (lock.packages[nested] || lock.packages[hoisted] || !EXACT_VERSION.test(version)) continue;
      const words = name.split('-');
      const os = SYSTEMS.filter(system => words.includes(system));
      const cpu = PROCESSORS.filter(processor => words.includes(processor));
      missing[hoisted] = {
        version,
        ...(cpu.length > 0 && { cpu }),
        ...(locked.dev && { dev: true }),
        ...(words.includes('musl') && { libc: ['musl'] }),
        ...(locked.license !== undefined && { license: locked.license }),
        optional: true,
        ...(os.length > 0 && { os }),
      };
    }
  }
  return missing;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = new URL('../package-lock.json', import.meta.url);
  const lock = JSON.parse(readFileSync(path, 'utf8')) as Lockfile;
  const missing = missingPlatformPackages(lock);
  const packages = { ...lock.packages, ...missing };
  const sorted = Object.keys(packages).sort((a, b) => a.localeCompare(b, 'en'));
  lock.packages = Object.fromEntries(sorted.map(key => [key, packages[key] as LockedPackage]));
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`package-lock.json: ${Object.keys(missing).length} platform packages added`);
}
