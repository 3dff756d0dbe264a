import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FailoverEvents, FailoverStatus } from '../engines/failover/index.ts';
import { systemClock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import { FailoverLog } from './failover-log.ts';

/** As much of the engine as the log knows. */
class Engine extends EventEmitter<FailoverEvents> {
  readonly target = '127.0.0.1:6379/0';
  readonly numbers = {
    ...{
      state: 'primary',
      reason: 'started',
      forMs: 0,
      target: this.target,
      rung: 'primary',
      journal: 'off',
    },
    ...{ pending: 0, switches: 0, spilled: 0, returned: 0, unknown: 0, reportsKept: 0, reportsDelivered: 0 },
    ...{ duplicates: 0, lost: 0, recovered: 0, withoutCopy: 0, ranInline: 0, lastTrouble: undefined },
  } as FailoverStatus;

  status(): FailoverStatus {
    return { ...this.numbers };
  }
}

describe('the log of the failover engine', () => {
  let engine: Engine;
  let log: FailoverLog;
  let lines: { level: string; details: Record<string, unknown>; message: string }[];

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    engine = new Engine();
    lines = [];
    const write = (level: string) => (details: object, message: string) =>
      void lines.push({ level, details: details as Record<string, unknown>, message });
    const logger: Logger = {
      ...{ debug: write('debug'), info: write('info') },
      ...{ warn: write('warn'), error: write('error') },
    };
    log = new FailoverLog(logger, engine, systemClock, failure => `Mend ${failure}.`);
  });
  afterEach(() => {
    log.close();
    vi.useRealTimers();
  });

  const messages = () => lines.map(({ level, message }) => `${level}: ${message}`);

  it('tells each change of state, with how many jobs wait and how to mend it', () => {
    engine.numbers.pending = 1;
    engine.numbers.lastTrouble = { failure: 'oom', message: 'OOM', remedy: 'Raise maxmemory.' };
    engine.emit('state', { from: 'primary', to: 'standby', reason: 'OOM', failure: 'oom', at: 0 });
    engine.numbers.pending = 7;
    engine.emit('state', { from: 'standby', to: 'returning', reason: '3 good probes in a row', at: 1 });
    expect(messages()).toEqual([
      'warn: 127.0.0.1:6379/0: primary -> standby (OOM); 1 job on the standby. Raise maxmemory.',
      'info: 127.0.0.1:6379/0: standby -> returning (3 good probes in a row); 7 jobs on the standby.',
    ]);
    engine.emit('state', { from: 'returning', to: 'standby', reason: 'gone', failure: 'refused', at: 2 });
    expect(messages()[2]).toContain('7 jobs on the standby. Mend refused.');
    expect(lines[0]?.details).toEqual({
      ...{ from: 'primary', to: 'standby', reason: 'OOM', pending: 1, target: engine.target },
      ...{ failure: 'oom', remedy: 'Raise maxmemory.' },
    });
  });

  it('counts once a minute, and says nothing when there is nothing', () => {
    vi.advanceTimersByTime(60_000);
    expect(lines).toEqual([]);
    for (let job = 0; job < 1000; job++) {
      engine.numbers.spilled += 1;
      engine.numbers.duplicates += 1;
      engine.emit('unknown', { queue: 'bull:q', jobs: 1, failure: 'timeout' });
      engine.emit('duplicate', { queue: 'bull:q', job: `job-${job}`, how: 'it ran twice' });
      engine.emit('room', { removed: 3 });
    }
    expect(lines).toEqual([]);
    vi.advanceTimersByTime(60_000);
    expect(messages()).toEqual([
      'info: 127.0.0.1:6379/0 (primary): jobs put on the standby: 1000, jobs that ran twice or are about to: 1000, ' +
        'finished jobs removed to make room: 3000',
    ]);
    expect(lines[0]?.details.examples).toHaveLength(5);
    vi.advanceTimersByTime(600_000);
    expect(lines).toHaveLength(1);
    engine.numbers.spilled += 2;
    log.close();
    expect(messages()[1]).toBe('info: 127.0.0.1:6379/0 (primary): jobs put on the standby: 2');
  });

  it('tells the progress of a drain every few seconds, and its end', () => {
    for (let second = 0; second < 12; second++) {
      engine.emit('drain', { moved: second * 10, pending: 120 - second * 10, perSecond: 10, leftMs: 1000 });
      vi.advanceTimersByTime(1000);
    }
    engine.emit('drain', { moved: 120, pending: 0, perSecond: 10, leftMs: 0 });
    expect(messages()).toEqual([
      'info: 0 jobs given back to 127.0.0.1:6379/0, 120 to go (10/s, 1 s left)',
      'info: 50 jobs given back to 127.0.0.1:6379/0, 70 to go (10/s, 1 s left)',
      'info: 100 jobs given back to 127.0.0.1:6379/0, 20 to go (10/s, 1 s left)',
      'info: 120 jobs given back to 127.0.0.1:6379/0, 0 to go (10/s)',
    ]);
  });

  it('tells each loss and what cannot be given back, the latter up to a bound', () => {
    engine.emit('loss', { kind: 'emptied', recovered: 3, lost: 0, journal: 'until-completed' });
    for (let job = 0; job < 100; job++) {
      engine.emit('undeliverable', {
        queue: 'bull:q',
        job: `job-${job}`,
        op: 'completed',
        why: 'Missing key',
      });
    }
    engine.emit('undeliverable', { queue: 'bull:q', job: null, op: 'pause', why: 'x' });
    expect(messages().slice(0, 2)).toEqual([
      'error: 127.0.0.1:6379/0 came back empty: 3 jobs added again from the journal (until-completed), about 0 lost',
      'error: What was kept for 127.0.0.1:6379/0 was refused: completed, job job-0 of bull:q: Missing key',
    ]);
    expect(lines).toHaveLength(21);
    vi.advanceTimersByTime(60_000);
    expect(messages()[21]).toContain('more kept operations refused: 81');
  });

  it('tells when nothing can keep jobs, and when something can again', () => {
    engine.emit('rung', { rung: 'refusing', reason: 'the disk is full' });
    engine.emit('rung', { rung: 'inline', reason: 'the disk is full' });
    engine.emit('rung', { rung: 'standby', reason: '' });
    expect(messages()).toEqual([
      'error: Nothing can keep new jobs; they are refused: the disk is full',
      'error: Nothing can keep new jobs; they are run inside add: the disk is full',
      'info: The standby file takes jobs again',
    ]);
  });

  it('tells when the standby is out, and what is left', () => {
    const trouble = { code: 'SPILLWAY_SQLITE_FULL', message: 'The disk is full.' };
    engine.emit('standby', { trouble });
    engine.emit('standby', { trouble: undefined });
    engine.numbers.rung = 'refusing';
    engine.emit('standby', { trouble });
    expect(messages()).toEqual([
      'error: The standby is unavailable; 127.0.0.1:6379/0 works alone, with nothing to take over (primary): The disk is full.',
      'info: The standby is available again',
      'error: The standby is unavailable; nothing is left (refusing): The disk is full.',
    ]);
    expect(lines[0]?.details).toEqual({ ...trouble, rung: 'primary' });
  });

  it('tells an internal failure that repeats once in ten seconds', () => {
    for (let time = 0; time < 50; time++) engine.emit('trouble', new Error('odd'));
    expect(messages()).toEqual(['warn: The failover engine met an error and goes on: odd']);
  });
});
