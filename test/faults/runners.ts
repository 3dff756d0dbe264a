import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

/** A command line that prepares a fault and then replaces itself with the one that follows it. */
export interface Runner {
  prefix: string[];
}

/** A fault this machine can make, or why it cannot. A test that gets a reason must make its fault another way. */
export type Possible<T> = ({ possible: true } & T) | { possible: false; reason: string };

/**
 * A tmpfs of `bytes` at `folder`, for the process it runs only: a disk that fills up for real. Needs the right to a
 * mount namespace (root, or user namespaces), which containers often refuse; then fill the store up by its own
 * limit instead (SQLite: `PRAGMA max_page_count`).
 */
export function smallDisk(folder: string, bytes: number): Possible<Runner> {
  mkdirSync(folder, { recursive: true });
  const mount = 'mount -t tmpfs -o "size=$1,mode=0777" tmpfs "$2" && shift 2 && exec "$@"';
  const runner = { prefix: ['unshare', '-Urm', 'sh', '-c', mount, 'sh', String(bytes), folder] };
  return tried(runner, 'no tmpfs under "unshare -Urm" here');
}

/** No file may grow beyond this many KiB: writes fail with EFBIG. */
export function fileSizeLimit(kibibytes: number): Possible<Runner> {
  // POSIX counts in units of 512 bytes, and only bash could be told otherwise.
  const runner = { prefix: ['sh', '-c', 'ulimit -f "$0" && exec "$@"', String(kibibytes * 2)] };
  return tried(runner, 'no "ulimit -f" here');
}

/**
 * Permissions count: for root a process without capabilities, so that a read-only folder is read-only; for anyone
 * else nothing has to be done. Keeps the user (a clone in /root stays readable), drops what lets root ignore modes.
 */
export function withoutPrivileges(): Possible<Runner> {
  if (process.getuid?.() !== 0) return { possible: true, prefix: [] };
  const runner = {
    prefix: ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all', '--no-new-privs', '--'],
  };
  return tried(runner, 'no setpriv here, and root may write anywhere');
}

/** A network of its own, with the loopback addresses and `address` (`10.77.0.1`), which is none to the process it runs. */
export function ownNetwork(address: string): Possible<Runner> {
  const up = 'ip link set lo up && ip addr add "$0/32" dev lo && exec "$@"';
  const runner = { prefix: ['unshare', '-Urn', 'sh', '-c', up, address] };
  return tried(runner, 'no network of its own under "unshare -Urn" here');
}

function tried(runner: Runner, otherwise: string): Possible<Runner> {
  const [command = '', ...args] = [...runner.prefix, 'true'];
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return { possible: true, ...runner };
  return { possible: false, reason: `${otherwise}: ${(error?.message ?? stderr).trim()}` };
}
