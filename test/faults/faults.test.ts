import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom, testSeed } from '../support/random.ts';
import { tempDir } from '../support/temp-dir.ts';
import {
  checkAcks,
  fileSizeLimit,
  killAtRandom,
  type Possible,
  type Runner,
  readAckLog,
  smallDisk,
  spawnScript,
  withoutPrivileges,
} from './index.ts';

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name);

describe('spawnScript', () => {
  it('talks in both directions and keeps what the script printed apart', async () => {
    await using script = await spawnScript(fixture('echo.ts'), ['a', 'b'], {
      env: { SPILLWAY_FIXTURE_FLAG: 'on' },
    });
    expect(await script.message()).toEqual({ args: ['a', 'b'], flag: 'on' });
    script.send('one');
    script.send('two');
    expect(await script.message<{ command?: string }>(message => message.command === 'two')).toBeTruthy();
    script.endCommands();
    expect(await script.exited).toEqual({ code: 0, signal: null });
    expect(script.messages.slice(1)).toEqual([{ command: 'one' }, { command: 'two' }, 'end']);
    expect(script.output).toBe('printed, not reported\n');
  });

  it('rejects a wait for a message that can no longer come, with what the script printed', async () => {
    await using script = await spawnScript(fixture('echo.ts'));
    script.send('fail');
    await expect(script.message(message => message === 'never')).rejects.toThrow(/code 1\) .*asked to fail/s);
  });

  it('kills, and says so', async () => {
    await using script = await spawnScript(fixture('echo.ts'));
    await script.message();
    expect(await script.kill()).toEqual({ code: null, signal: 'SIGKILL' });
  });
});

describe('a killed writer', () => {
  const found = (store: string) => readFileSync(store, 'utf8').split('\n').filter(Boolean);

  it('leaves a log that accounts for all it did, wherever the kill hit', async () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    for (let round = 0; round < 5; round++) {
      const folder = tempDir('killed');
      const [log, store] = [join(folder, 'acks'), join(folder, 'store')];
      await using script = await spawnScript(fixture('writer.ts'), [log, store]);
      const { signal, afterMessage } = await killAtRandom(script, { seed: random, messages: [1, 200] });
      expect(signal).toBe('SIGKILL');
      const acks = readAckLog(log);
      expect(acks.acknowledged.length, `seed ${seed}`).toBeGreaterThanOrEqual(afterMessage);
      const verdict = checkAcks(acks, found(store));
      expect(verdict, `seed ${seed}`).toMatchObject({ lost: [], duplicated: [], unexpected: [] });
      expect(verdict.unacknowledged.length, `seed ${seed}`).toBeLessThanOrEqual(1);
    }
  });

  it('can crash at an exact point: written, not acknowledged', async () => {
    const folder = tempDir('crashed');
    const [log, store] = [join(folder, 'acks'), join(folder, 'store')];
    await using script = await spawnScript(fixture('writer.ts'), [log, store, '3']);
    expect((await script.exited).signal).toBe('SIGKILL');
    expect(checkAcks(readAckLog(log), found(store)).unacknowledged).toEqual(['job-3']);
    expect(script.messages).toEqual([1, 2]);
  });

  it('that lost what it acknowledged is found out', async () => {
    const folder = tempDir('lossy');
    const [log, store] = [join(folder, 'acks'), join(folder, 'store')];
    await using script = await spawnScript(fixture('writer.ts'), [log, store, '5']);
    await script.exited;
    expect(checkAcks(readAckLog(log), found(store).slice(1)).lost).toEqual(['job-1']);
  });
});

/** Runs fill.ts under the fault; where the machine refuses it, there must at least be a reason to print. */
async function fill(path: string, fault: Possible<Runner>) {
  if (!fault.possible) return { refused: fault.reason };
  await using script = await spawnScript(fixture('fill.ts'), [path], { runner: fault });
  return await script.message<{ written: number; code?: string }>();
}

describe('runners', () => {
  it('fill a small disk for real, or say why they cannot', async () => {
    const disk = join(tempDir('disk'), 'mounted');
    const result = await fill(join(disk, 'file'), smallDisk(disk, 1024 * 1024));
    if ('refused' in result) expect(result.refused).toMatch(/^no tmpfs under "unshare -Urm" here: ./);
    else expect(result).toEqual({ written: 1024 * 1024, code: 'ENOSPC' });
  });

  it('limit the size of a file', async () => {
    const result = await fill(join(tempDir('limited'), 'file'), fileSizeLimit(64));
    expect(result).toEqual({ written: 64 * 1024, code: 'EFBIG' });
  });

  it('make a read-only folder read-only, for root too', async () => {
    const folder = tempDir('read-only');
    chmodSync(folder, 0o555);
    const result = await fill(join(folder, 'file'), withoutPrivileges());
    expect(result).toEqual({ written: 0, code: 'EACCES' });
    chmodSync(folder, 0o755);
  });

  it('have a reason when a program they need is missing', () => {
    const path = process.env.PATH;
    process.env.PATH = '';
    const refused = smallDisk(tempDir('disk'), 4096);
    process.env.PATH = path;
    expect(refused).toMatchObject({ possible: false, reason: expect.stringContaining('ENOENT') });
  });
});
