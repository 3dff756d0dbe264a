import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { MARKER_SECRET } from '../../scripts/testing/results.ts';
import { describeFailure, type FailureClass, type RedisTarget } from './index.ts';
import { evictionTrouble, troubles } from './troubles.ts';

/** All classes, which the compiler completes. */
const classes = {
  refused: 1,
  'unknown-host': 1,
  unreachable: 1,
  timeout: 1,
  connection: 1,
  tls: 1,
  'not-redis': 1,
  sentinel: 1,
  'protected-mode': 1,
  noauth: 1,
  wrongpass: 1,
  noperm: 1,
  maxclients: 1,
  'no-database': 1,
  loading: 1,
  oom: 1,
  misconf: 1,
  readonly: 1,
  noreplicas: 1,
  busy: 1,
  clusterdown: 1,
  masterdown: 1,
  moved: 1,
  'not-cluster': 1,
  other: 1,
} satisfies Record<FailureClass, 1>;

describe('the troubles', () => {
  it.each(Object.keys(classes))('%s is put into words, whatever the error says', name => {
    const ofClass = troubles.filter(each => each.class === name);
    expect(ofClass.map(each => each.when === undefined)).toEqual(
      ofClass.map((_, index) => index === ofClass.length - 1),
    );
    expect(ofClass.length).toBeGreaterThan(0);
    for (const { says, mend } of ofClass) {
      for (const sentence of [says, mend]) expect(sentence).toMatch(/^(\{where\}|[A-Z]).{10,}\.$/);
    }
  });

  it('stand in docs/redis-troubles.md as they are said', () => {
    const cell = (text: string) => text.replace('{where}', '_host:port_').replace(/[<>|]/g, '\\$&');
    const rows = [...troubles, { class: '(a warning)', ...evictionTrouble }].map(
      each => `| \`${each.class}\` | ${cell(each.says)} | ${cell(each.mend)} |`,
    );
    const page = readFileSync(join(import.meta.dirname, '../../docs/redis-troubles.md'), 'utf8');
    const lines = page.split('\n').filter(line => line.startsWith('| `'));
    expect(lines.map(line => line.replaceAll(/ +/g, ' '))).toEqual(rows);
  });
});

describe('describeFailure', () => {
  const secret = `${MARKER_SECRET}p@ss/word`;
  const target: RedisTarget = {
    host: 'h',
    username: 'app',
    password: secret,
    sentinelPassword: `${secret}2`,
  };

  it.each<[string, unknown]>([
    ['an unknown error', new Error(`something about ${secret} and ${encodeURIComponent(secret)}2`)],
    [
      'a URL',
      Object.assign(new Error(`Invalid URL redis://app:${secret}@h`), { input: `redis://:${secret}@h` }),
    ],
    ['a text', `thrown: ${secret}`],
    [
      'an old Redis',
      new Error(`ERR unknown command \`HELLO\`, with args beginning with: \`3\`, \`AUTH\`, \`ab\``),
    ],
    ['a cause', new Error('Connection is closed.', { cause: new Error(`WRONGPASS ${secret}`) })],
    [
      'arguments of a command',
      Object.assign(new Error('NOAUTH x'), { command: { name: 'auth', args: [secret] } }),
    ],
    ['nothing', undefined],
  ])('never says a password: %s', (_name, error) => {
    const told = inspect(describeFailure(error, target));
    expect(told).not.toContain(MARKER_SECRET);
    expect(told).not.toContain('`ab`');
    expect(told).toContain('h:6379/0');
  });

  it('shows the text of what it does not know, and names the target', () => {
    expect(describeFailure(new Error('WRONGTYPE Operation against a key'), { port: 7000 })).toEqual({
      class: 'other',
      message: '127.0.0.1:7000/0 answered with an error. WRONGTYPE Operation against a key',
      remedy: expect.stringContaining('the text of the error'),
    });
  });
});
