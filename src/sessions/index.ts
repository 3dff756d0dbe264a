export { expressStore, fastifyStore } from './classic-store.ts';
export { openSessions } from './sessions.ts';
export type { ClassicStore, SessionData, Sessions, SessionsOptions } from './types.ts';
