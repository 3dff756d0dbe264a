import { SpillwayError } from '../shared/errors.ts';
import type { ClassicStore, SessionData, Sessions } from './types.ts';

/**
 * For `@fastify/session`: `store: fastifyStore(sessions)`. It fits whatever an application declares of its sessions.
 * @throws SpillwayError SPILLWAY_INVALID_OPTION
 */
export function fastifyStore(sessions: Sessions): ClassicStore<never> {
  checkSessions('fastifyStore', sessions);
  return callbacks(sessions) as ClassicStore<never>;
}

/**
 * For `express-session`, which wants a store made of its own base class: `store: expressStore(sessions, session.Store)`. The
 * class is handed in, so that nobody needs express-session who does not use it.
 * @throws SpillwayError SPILLWAY_INVALID_OPTION
 */
export function expressStore<B extends object>(sessions: Sessions, Store: abstract new () => B): B {
  checkSessions('expressStore', sessions);
  if (!isStore(Store))
    throw wrong(
      'expressStore',
      'Store',
      "express-session's class: expressStore(sessions, session.Store)",
      Store,
    );
  // Abstract to the compiler only: what is missing is what is added here.
  const base = new (Store as new () => B)();
  return Object.assign(base, callbacks(sessions));
}

/** The function `session` itself, which has the class, is none. */
function isStore(value: unknown): boolean {
  const { prototype } = (value ?? {}) as { prototype?: { createSession?: unknown } };
  return typeof value === 'function' && typeof prototype?.createSession === 'function';
}

function checkSessions(of: string, sessions: unknown): void {
  const given = (sessions ?? {}) as Record<string, unknown>;
  if (['get', 'set', 'touch', 'destroy'].every(method => typeof given[method] === 'function')) return;
  throw wrong(of, 'sessions', `what openSessions made: ${of}(openSessions({ file: … }))`, sessions);
}

function wrong(of: string, option: string, range: string, value: unknown): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of ${of} must be ${range}; received a value of type ${value === null ? 'null' : typeof value}`,
    { details: { option, range } },
  );
}

function callbacks(sessions: Sessions): ClassicStore<SessionData> {
  return {
    get: (id, callback) => settle(sessions.get(id), callback),
    set: (id, session, callback) => settle(sessions.set(id, session), callback),
    touch: (id, session, callback) => settle(sessions.touch(id, session), callback),
    destroy: (id, callback) => settle(sessions.destroy(id), callback),
  };
}

/** Calls back outside of the promise: what the callback throws is the caller's, as from any callback. */
function settle<T>(work: Promise<T>, callback: ((error: unknown, value?: T) => void) | undefined): void {
  work.then(
    value => setImmediate(() => callback?.(null, value)),
    (error: unknown) => setImmediate(() => callback?.(error)),
  );
}
