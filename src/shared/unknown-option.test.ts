import { expect, it } from 'vitest';
import { nearestOption, noSuchOption } from './unknown-option.ts';

const known = ['host', 'port', 'password', 'username', 'ttl', 'redisTimeoutMs'];

it.each([
  ['hots', 'host'],
  ['passwrod', 'password'],
  ['user', undefined],
  ['pasword', 'password'],
  ['PORT', 'port'],
  ['ttll', 'ttl'],
  ['redisTimeout', 'redisTimeoutMs'],
  ['tt', 'ttl'],
  ['maxItems', undefined],
  ['', undefined],
])('%j was meant to be %j', (typed, meant) => {
  expect(nearestOption(typed, known)).toBe(meant);
});

it('is refused with what was meant, and without its value', () => {
  const { message, code, details } = noSuchOption('the cache', 'hots', ['host', 'port'], { namespace: 'n' });
  expect(message).toBe(
    'Option hots of the cache must be absent: there is no such option (did you mean host? there are host, port)',
  );
  expect([code, details]).toEqual([
    'SPILLWAY_INVALID_OPTION',
    { option: 'hots', range: 'absent', namespace: 'n' },
  ]);
});
