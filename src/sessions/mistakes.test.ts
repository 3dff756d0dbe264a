import session from 'express-session';
import { expect, it, onTestFinished } from 'vitest';
import { expressStore, fastifyStore, openSessions } from './index.ts';

/** What a program in JavaScript may write. */
const wrong = (value: unknown) => value as never;

function sessionsForTest() {
  const sessions = openSessions({ file: ':memory:' });
  onTestFinished(() => sessions.close());
  return sessions;
}

it.each([
  [
    'expressStore() without a Store',
    () => expressStore(sessionsForTest(), wrong(undefined)),
    'Store of expressStore',
  ],
  [
    'the function of express-session',
    () => expressStore(sessionsForTest(), wrong(session)),
    'session.Store)',
  ],
  [
    'expressStore() of options',
    () => expressStore(wrong({ file: 'x' }), session.Store),
    'what openSessions made',
  ],
  [
    'fastifyStore()',
    () => fastifyStore(wrong(undefined)),
    'sessions of fastifyStore must be what openSessions made',
  ],
  [
    'openSessions() of a path',
    () => openSessions(wrong('x.db')),
    'an object, as in openSessions({ file: … })',
  ],
  [
    'a logger that is none',
    () => openSessions({ file: ':memory:', logger: wrong(true) }),
    'logger of sessions',
  ],
])('%s is refused', (_name, make, text) => {
  const message = expect.stringContaining(text);
  expect(make).toThrow(expect.objectContaining({ code: 'SPILLWAY_INVALID_OPTION', message }));
});

it('a session without an id, or that is none, is refused', async () => {
  const sessions = sessionsForTest();
  const invalid = { code: 'SPILLWAY_INVALID_OPTION', message: expect.stringContaining('id of a session') };
  await expect(sessions.get(wrong(undefined))).rejects.toMatchObject(invalid);
  await expect(sessions.destroy('')).rejects.toMatchObject(invalid);
  await expect(sessions.set('a', wrong('ada'))).rejects.toMatchObject({ code: 'SPILLWAY_SESSION_VALUE' });
});
