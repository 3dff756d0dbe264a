/** The ledger in processes that are killed, and in several at once. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../src/engines/failover/ledger/index.ts';
import { checkAcks, killAtRandom, readAckLog, type ScriptProcess, spawnScript } from '../faults/index.ts';
import { checkInvariants } from '../sqlite-faults/invariants.ts';
import { type SeededRandom, seededRandom, testSeed } from '../support/random.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Content } from './content.ts';
import { readStored } from './drainable.ts';

const SEED = testSeed();
const random = seededRandom(SEED);
const replay = `replay with SPILLWAY_TEST_SEED=${SEED}`;
const fixture = (name: string) => join(import.meta.dirname, 'fixtures', `${name}.ts`);

/** `<queue>:<id>` of the jobs in batches, read without the ledger. */
function moving(file: string): string[] {
  const db = new DatabaseSync(file, { readOnly: true });
  // The first life may have been killed before it made its tables.
  if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'failover_moving'").get() === undefined) {
    db.close();
    return [];
  }
  const rows = db.prepare('SELECT queue, job FROM failover_moving WHERE job IS NOT NULL').all();
  const said = db.prepare("SELECT n FROM failover_count WHERE name = 'moving'").get()?.n;
  db.close();
  expect(said, `failover_count, ${replay}`).toBe(rows.length);
  return rows.map(row => `${row.queue}:${row.job}`);
}

async function fill(file: string, source: SeededRandom): Promise<string[]> {
  await using content = new Content({ file }, source);
  await content.grow(250);
  return readStored(file).all.sort();
}

/** All that may go has gone, all that stays is there, nothing is in between. */
function checkDrained(file: string, log: string, before: readonly string[]): string[] {
  const { all: stayed, units } = readStored(file);
  const { acknowledged } = readAckLog(log);
  expect(moving(file), replay).toEqual([]);
  expect([...units.values()].flat(), replay).toEqual([]);
  expect([...new Set([...acknowledged, ...stayed])].sort(), replay).toEqual(before);
  expect(checkInvariants(file), replay).toEqual([]);
  return acknowledged;
}

describe('a drain', () => {
  it('killed at any moment leaves each job in one place, and is gone on with', async () => {
    for (let round = 0; round < 2; round++) {
      const folder = tempDir('drain');
      const [file, log] = [join(folder, 'q.db'), join(folder, 'sent')];
      const before = await fill(file, random);
      let killed = 0;
      for (let life = 0; life < 5; life++) {
        await using drainer = await spawnScript(fixture('drainer'), [file, log, `${random.int(0, 1e9)}`]);
        const kill = killAtRandom(drainer, { seed: random, messages: [1, 25], withinMs: 4 });
        // The last of it may be done before the kill.
        if (
          await kill.then(
            () => true,
            () => false,
          )
        )
          killed += 1;
        const [here, there] = [readStored(file).all, moving(file)];
        const gone = readAckLog(log).acknowledged;
        const twice = here.filter(key => there.includes(key));
        expect(twice, `in both places, ${replay}`).toEqual([]);
        expect([...new Set([...here, ...there, ...gone])].sort(), `lost, ${replay}`).toEqual(before);
        // Once settled, it is nowhere here; what was sent by a life that was killed before may be in its batch still.
        expect(
          here.filter(key => gone.includes(key)),
          `sent and here, ${replay}`,
        ).toEqual([]);
        expect(checkInvariants(file), replay).toEqual([]);
      }
      expect(killed, replay).toBeGreaterThan(0);
      await using last = await spawnScript(fixture('drainer'), [file, log, '1']);
      await last.message(message => message === 'done');
      checkDrained(file, log, before);
    }
  }, 120_000);

  it('by three processes at once takes no job twice', async () => {
    const folder = tempDir('drain');
    const [file, log] = [join(folder, 'q.db'), join(folder, 'sent')];
    const before = await fill(file, random);
    const crowd = [1, 2, 3].map(n => spawnScript(fixture('drainer'), [file, log, `${SEED + n}`, 'crowd']));
    const drainers = await Promise.all(crowd);
    for (const drainer of drainers) await drainer.message(message => message === 'done');
    // A batch put back by one may have been missed by those that were done already.
    await using last = await spawnScript(fixture('drainer'), [file, log, '1']);
    await last.message(message => message === 'done');
    const sent = checkDrained(file, log, before);
    expect(sent.length, replay).toBe(new Set(sent).size);
    for (const drainer of drainers) await drainer.exited;
  }, 60_000);

  it('is taken over from a process that was killed with the lease', async () => {
    const folder = tempDir('drain');
    const [file, log] = [join(folder, 'q.db'), join(folder, 'sent')];
    const before = await fill(file, random);
    await using first = await spawnScript(fixture('drainer'), [file, log, '1', 'leased']);
    await first.messageCount(3);
    await using second = await spawnScript(fixture('drainer'), [file, log, '2', 'leased']);
    await second.messageCount(1);
    await first.kill();
    await second.message(message => message === 'done');
    checkDrained(file, log, before);
  }, 60_000);
});

describe('what was acknowledged', () => {
  it('survives a kill at any moment, in all tables, and the counters are right', async () => {
    for (let round = 0; round < 2; round++) {
      const folder = tempDir('ledger');
      const [file, log] = [join(folder, 'q.db'), join(folder, 'acks')];
      for (let life = 0; life < 2; life++) {
        await using writer = await spawnScript(fixture('writer'), [file, log, `${random.int(0, 1e9)}`]);
        await killAtRandom(writer, { seed: random, messages: [1, 30], withinMs: 5 });
      }
      const acks = readAckLog(log);
      const ledger = await Ledger.open({ file });
      const found = [
        ...(await ledger.journalPage(0, 1e6)).map(({ job }) => `journal ${job}`),
        ...(await ledger.deferredPage(0, 1e6)).map(({ job }) => `deferred ${job}`),
        ...(await ledger.unknownPage(undefined, 1e6)).map(({ job }) => `unknown ${job}`),
      ];
      const count = (kind: string) => found.filter(id => id.startsWith(kind)).length;
      expect(await ledger.counts(), replay).toEqual({
        journal: count('journal'),
        deferred: count('deferred'),
        unknown: count('unknown'),
        moving: 0,
      });
      await ledger.close();
      const ended = (ids: string[]) =>
        new Set(ids.filter(id => id.startsWith('ended')).map(id => id.replace('ended', 'journal')));
      expect(
        found.filter(id => ended(acks.acknowledged).has(id)),
        `ended, ${replay}`,
      ).toEqual([]);
      const mayHaveEnded = ended(acks.attempted);
      const kept = acks.acknowledged.filter(id => !id.startsWith('ended') && !mayHaveEnded.has(id));
      const { lost, duplicated, unexpected } = checkAcks({ ...acks, acknowledged: kept }, found);
      expect({ lost, duplicated, unexpected }, replay).toEqual({ lost: [], duplicated: [], unexpected: [] });
      expect(acks.acknowledged.length, replay).toBeGreaterThan(10);
      expect(checkInvariants(file), replay).toEqual([]);
    }
  }, 120_000);
});

describe('several processes', () => {
  /** Peers on one file, ended with the test. */
  async function withPeers(count: number, run: (file: string, peers: ScriptProcess[]) => Promise<void>) {
    const file = join(tempDir('ledger'), 'q.db');
    const peers = await Promise.all(
      Array.from({ length: count }, () => spawnScript(fixture('peer'), [file])),
    );
    try {
      for (const peer of peers) await peer.message(message => message === 'up');
      await run(file, peers);
    } finally {
      for (const peer of peers) await peer.kill();
    }
  }

  it('give a lease to one of them, and to another once its holder is dead', async () => {
    await withPeers(4, async (file, peers) => {
      for (const peer of peers) peer.send({ do: 'lease', ms: 300 });
      await Promise.all(peers.map(peer => peer.messageCount(2)));
      const holders = peers.filter(peer => (peer.messages[1] as { held: boolean }).held);
      expect(holders).toHaveLength(1);
      const ledger = await Ledger.open({ file });
      expect(await ledger.leaseHolder('drain')).toBe(`${holders[0]?.pid}`);
      await holders[0]?.kill();
      while (!(await ledger.lease('drain', 'next', 1000))) await delay(20);
      await ledger.close();
    });
  });

  it('see a switch that one of them sets', async () => {
    await withPeers(2, async (file, peers) => {
      for (const peer of peers) peer.send({ do: 'watch' });
      for (const peer of peers) await peer.message<{ switches?: unknown[] }>(m => m.switches?.length === 0);
      const ledger = await Ledger.open({ file });
      await ledger.setSwitch('redis', { value: 'off', by: 'ada', reason: 'maintenance', expiresAt: null });
      for (const peer of peers) {
        const seen = await peer.message<{ switches?: { value: string }[] }>(m => m.switches?.length === 1);
        expect(seen.switches).toMatchObject([{ name: 'redis', value: 'off', by: 'ada' }]);
      }
      await ledger.close();
      for (const peer of peers) {
        peer.send({ do: 'close' });
        peer.endCommands();
        expect(await peer.exited).toMatchObject({ code: 0 });
      }
    });
  });
});
