import { describe, expect, it } from 'vitest';
import { type Evidence, gatherFacts } from './facts.ts';
import { Ledger } from './ledger.ts';
import { parseEntry } from './log.ts';
import type { ToldChange } from './timings.ts';

/** `producer1.1: ? a 1` a line. */
function ledgerOf(text: string): Ledger {
  const ledger = new Ledger();
  for (const line of text.trim().split('\n')) {
    const [, actor = '', entry = ''] = /^\s*(\S+): (.*)$/.exec(line) ?? [];
    ledger.take(parseEntry(entry), actor);
  }
  return ledger;
}

function factsOf(text: string, more: Partial<Evidence> = {}) {
  return gatherFacts({
    ledger: ledgerOf(text),
    changes: [],
    strikes: [],
    endedAt: 1000,
    killed: new Set(),
    ...more,
  });
}

describe('gatherFacts', () => {
  it('accounts for every job: lost, run twice, from nowhere, unknown and run all the same', () => {
    const facts = factsOf(`
      p: ? fine 1
      p: ! fine 3
      w: + fine 4
      p: ? lost 1
      p: ! lost 2
      p: ? twice 1
      p: ! twice 2
      w: + twice 3
      v: + twice 9
      p: ? refused 1
      p: x refused 2 ETIMEDOUT: late
      w: + refused 5
      w: + nowhere 5
    `);
    expect(facts).toMatchObject({
      acknowledged: 3,
      rejected: 1,
      hanging: 0,
      processed: 4,
      lost: ['lost'],
      duplicated: ['twice'],
      unexpected: ['nowhere'],
      longestAddMs: 2,
    });
  });

  it('knows which of the jobs that ran twice the engine has told of, by their ids', () => {
    const facts = factsOf(`
      p: ? told 1
      p: ! told 2
      w: + told 3 id1
      v: + told 4 id1
      p: ? secret 1
      p: ! secret 2
      w: + secret 3 id2
      v: + secret 4 id2
      w: d id1 5 it ran again
      w: d id3 5 it is about to
    `);
    expect(facts).toMatchObject({ counted: 2, uncounted: ['secret'] });
  });

  it('reads the logs in any order: a job may have run before its producer wrote that it was accepted', () => {
    const ledger = ledgerOf('w: + a 4\np: ? a 1\np: ! a 3');
    expect(ledger.owed).toBe(0);
    expect(ledgerOf('p: ? a 1\np: ! a 3').owed).toBe(1);
    expect(ledgerOf('p: ? a 1\np: x a 3').owed).toBe(0);
  });

  it('counts an add that never settled as hanging until the end, but not in a process that was killed', () => {
    const text = 'p: ? a 100\nq: ? b 5';
    expect(factsOf(text, { killed: new Set(['q']) })).toMatchObject({ hanging: 1, longestAddMs: 900 });
  });

  it('with a record of the work: a second run that did nothing is no duplicate, and one whose first left no line is no loss', () => {
    const facts = factsOf('p: ? a 1\np: ! a 2\nw: + a 3\nw: = a 4\np: ? b 1\np: ! b 2\nw: = b 3');
    expect(facts).toMatchObject({ processed: 2, lost: [], duplicated: [], suppressed: 2 });
  });

  it('counts what the engine took twice, what it recorded as failed, and errors by kind', () => {
    const text =
      'w: c a 1\nw: c a 2\nw: f b 3 gone\nw: e - 4 connect 127.0.0.1:1234\nw: e - 5 connect 127.0.0.1:99';
    const ledger = ledgerOf(text);
    expect([...ledger.errors]).toEqual([['connect N.N.N.N:N', 2]]);
    expect(factsOf(text)).toMatchObject({ completedTwice: 1, recordedAsFailed: 1, errors: 2 });
  });
});

describe('the timings of strikes', () => {
  const change = (actor: string, at: number, from: string | undefined, to: string): ToldChange => ({
    actor,
    at,
    from,
    to,
  });
  const changes = [
    change('p', 0, undefined, 'primary'),
    change('w', 0, undefined, 'primary'),
    change('p', 1100, 'primary', 'standby'),
    change('w', 1300, 'primary', 'standby'),
    change('p', 5400, 'standby', 'returning'),
    change('p', 5600, 'returning', 'primary'),
    change('w', 5700, 'returning', 'primary'),
  ];
  const strike = { injectedAt: 1000, healedAt: 5000 };
  const text = `
    p: ? before 900
    p: ! before 901
    w: + before 1150
    p: ? early 1010
    p: ! early 1200
    w: + early 1400
    p: ? away 2000
    p: ! away 2040
    w: + away 2100
    p: ? back 5010
    p: ! back 5020
    w: + back 5900
  `;

  it('are taken from the fault, and from its end', () => {
    expect(factsOf(text, { changes, strikes: [strike] })).toMatchObject({
      switchMs: 300,
      firstOnStandbyMs: 400,
      returnMs: 700,
      resumeMs: 900,
      p99OnStandbyMs: 40,
      mostSwitches: 1,
      unnoticed: 0,
      earlyReturns: 0,
    });
  });

  it('are those of the slowest strike, each with its own changes only', () => {
    const second = changes
      .filter(({ from }) => from !== undefined)
      .map(each => ({ ...each, at: each.at + 10_000 }));
    const late = second.map(each => (each.at === 11_300 ? { ...each, at: 12_000 } : each));
    const strikes = [strike, { injectedAt: 11_000, healedAt: 15_000 }];
    expect(factsOf(text, { changes: [...changes, ...late], strikes })).toMatchObject({
      switchMs: 1000,
      returnMs: 700,
      mostSwitches: 1,
    });
  });

  it('are none when nobody switched', () => {
    expect(factsOf(text, { changes: changes.slice(0, 2), strikes: [strike] })).toMatchObject({
      switchMs: undefined,
      firstOnStandbyMs: undefined,
      returnMs: undefined,
      resumeMs: 900,
      unnoticed: 1,
    });
  });

  it('tell flapping, and a return while the fault was on', () => {
    const flapping = [
      ...changes,
      change('p', 2000, 'standby', 'primary'),
      change('p', 2500, 'primary', 'standby'),
    ];
    expect(factsOf(text, { changes: flapping, strikes: [strike] })).toMatchObject({
      mostSwitches: 2,
      earlyReturns: 1,
    });
  });

  it('do not take a process that starts on the standby for one that switched', () => {
    const started = [change('p', 1500, undefined, 'standby')];
    expect(factsOf(text, { changes: started, strikes: [strike] })).toMatchObject({ unnoticed: 1 });
  });
});
