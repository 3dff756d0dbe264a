import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { spawnScript } from '../test/faults/index.ts';
import { tempDir } from '../test/support/temp-dir.ts';

const MAIN = join(import.meta.dirname, 'main.ts');

async function run(...args: string[]) {
  await using script = await spawnScript(MAIN, args);
  const { code } = await script.exited;
  return { code, output: script.output };
}

/** What runs below this process: pid, then the command. */
function below(pid: number): string[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  return rows.flatMap(row => {
    const [, child, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row) ?? [];
    if (Number(parent) !== pid || /^ps /.test(command ?? '')) return [];
    return [`${child} ${command}`, ...below(Number(child))];
  });
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('npm run chaos', () => {
  it('lists the faults with their rows', async () => {
    const { code, output } = await run('--list');
    expect(code).toBe(0);
    expect(output).toMatch(/^flushall +3 {2}FLUSHALL/m);
    expect(output).toMatch(/^ten-cycles /m);
  });

  it('exits with 2 and says why when it is asked for what there is not', async () => {
    const { code, output } = await run('--fault', 'earthquake');
    expect(code).toBe(2);
    expect(output).toMatch(/no fault is called 'earthquake'.*usage|node chaos\/main\.ts/s);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'ends every child and server and leaves no file behind on %s',
    { timeout: 60_000 },
    async signal => {
      const folder = tempDir('chaos-main');
      await using script = await spawnScript(MAIN, ['--engine', 'redis', '--fault', 'hang-60s'], {
        env: { TMPDIR: folder },
      });
      await expect.poll(() => below(script.pid).length, { timeout: 30_000, interval: 50 }).toBe(5);
      const started = below(script.pid);
      expect(started.filter(command => command.includes('redis-server'))).toHaveLength(1);
      expect(readdirSync(folder)).toHaveLength(1);
      const { code } = await script.kill(signal);
      expect(code).toBe({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal]);
      const pids = started.map(command => Number.parseInt(command, 10));
      await expect.poll(() => pids.filter(alive), { timeout: 10_000, interval: 20 }).toEqual([]);
      expect(readdirSync(folder)).toEqual([]);
    },
  );
});
