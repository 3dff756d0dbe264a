import type { ClassicStore, SessionData, Sessions } from './types.ts';

/** For `@fastify/session`: `store: fastifyStore(sessions)`. It fits whatever an application declares of its sessions. */
export function fastifyStore(sessions: Sessions): ClassicStore<never> {
  return callbacks(sessions) as ClassicStore<never>;
}

/**
 * For `express-session`, which wants a store made of its own base class: `store: expressStore(sessions, session.Store)`. The
 * class is handed in, so that nobody needs express-session who does not use it.
 */
export function expressStore<B extends object>(sessions: Sessions, Store: abstract new () => B): B {
  // Abstract to the compiler only: what is missing is what is added here.
  const base = new (Store as new () => B)();
  return Object.assign(base, callbacks(sessions));
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
