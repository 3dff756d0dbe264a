import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findPostgresBin, findRedisServer } from '../../test/servers/index.ts';
import { type RunResult, run } from '../support/run.ts';

/** A program the tests run for real, which npm cannot bring. */
export interface Requirement {
  name: string;
  present(): boolean;
  apt: string[];
  brew: string[];
  /** Environment variable with the URL of a server to use where the program cannot be had. */
  url?: string;
}

/** To add one, add a row. */
export const REQUIREMENTS: Requirement[] = [
  {
    name: 'Redis',
    present: () => findRedisServer() !== undefined,
    apt: ['redis-server'],
    brew: ['redis'],
    url: 'REDIS_URL',
  },
  {
    name: 'PostgreSQL',
    present: () => findPostgresBin() !== undefined,
    apt: ['postgresql'],
    brew: ['postgresql@15'],
    url: 'POSTGRES_URL',
  },
];

/** What this machine offers; the tests of this file bring another one. */
export interface Machine {
  root: boolean;
  has(command: string): boolean;
  run(command: string, args: string[]): Promise<RunResult>;
  env: NodeJS.ProcessEnv;
}

export const thisMachine: Machine = {
  root: process.getuid?.() === 0,
  has: onPath,
  run: (command, args) => run(command, args),
  env: process.env,
};

export interface Readiness {
  ok: boolean;
  /** One line each: what was installed or used instead, or, when not ok, what to install. */
  notes: string[];
}

/** Installs what is missing where it may, uses the servers of the environment where it may not, or says what to do. */
export async function ensureRequirements(
  requirements = REQUIREMENTS,
  machine = thisMachine,
): Promise<Readiness> {
  const notes: string[] = [];
  const missing = () => requirements.filter(requirement => !requirement.present());
  if (missing().length > 0) {
    const note = await install(missing(), machine);
    if (note !== undefined) notes.push(note);
  }
  const urlOf = ({ url }: Requirement) => (url === undefined ? undefined : machine.env[url]);
  const lacking = missing().filter(requirement => !urlOf(requirement));
  if (lacking.length > 0) return { ok: false, notes: [...notes, howToMend(lacking)] };
  for (const { name, url } of missing()) {
    notes.push(`${name} is not installed: using ${url}; tests that kill or pause their own server will fail`);
  }
  return { ok: true, notes };
}

function howToMend(lacking: Requirement[]): string {
  const names = lacking.map(({ name }) => name).join(' and ');
  const apt = lacking.flatMap(requirement => requirement.apt).join(' ');
  const brew = lacking.flatMap(requirement => requirement.brew).join(' ');
  const urls = lacking.flatMap(({ url }) => url ?? []).join(' and ');
  const orUrls = urls === '' ? '' : `, or set ${urls}`;
  return `The tests need ${names}: run "sudo apt-get install ${apt}" or "brew install ${brew}"${orUrls}.`;
}

async function install(missing: Requirement[], machine: Machine): Promise<string | undefined> {
  const names = missing.map(({ name }) => name).join(' and ');
  const installer = await installerOf(machine, missing);
  if (installer === undefined) return undefined;
  const { ok, output } = await machine.run(installer.command, installer.args);
  if (ok) return `installed ${names} with ${installer.name}`;
  return `could not install ${names} with ${installer.name}: ${output.trim().split('\n').at(-1)}`;
}

interface Installer {
  name: string;
  command: string;
  args: string[];
}

async function installerOf(machine: Machine, missing: Requirement[]): Promise<Installer | undefined> {
  if (machine.has('apt-get')) {
    const shell = ['sh', '-c', APT_INSTALL, 'sh', ...missing.flatMap(({ apt }) => apt)];
    if (machine.root) return { name: 'apt-get', command: 'sh', args: shell.slice(1) };
    const maySudo = machine.has('sudo') && (await machine.run('sudo', ['-n', 'true'])).ok;
    return maySudo ? { name: 'apt-get', command: 'sudo', args: ['-n', ...shell] } : undefined;
  }
  if (!machine.has('brew')) return undefined;
  return { name: 'Homebrew', command: 'brew', args: ['install', ...missing.flatMap(({ brew }) => brew)] };
}

/**
 * Debian starts a server it installs, and at every boot after: for the tests it need not run at all. policy-rc.d
 * forbids the start during the installation (one that is there already is left as it is).
 */
const APT_INSTALL = `
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
apt-get update -qq || true
apt-get install -y -qq --no-install-recommends "$@"
if command -v systemctl > /dev/null; then
  for unit in redis-server postgresql; do
    case " $* " in *" $unit "*) systemctl disable "$unit" > /dev/null 2>&1 || true ;; esac
  done
fi
`;

function onPath(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some(folder => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
