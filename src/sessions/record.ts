import { createHash } from 'node:crypto';
import { SpillwayError } from '../shared/errors.ts';
import type { SessionData } from './types.ts';

/** A session as it is kept. Of two, the one with the higher version is newer; of one version, the one that ends later. */
export interface SessionRecord {
  /** Raised when the content changes, not when the session is only prolonged: that must not win over new content. */
  version: number;
  /** JSON without the end of the cookie: what `expires` says. */
  body: string;
  /** Milliseconds since 1970. */
  expires: number;
}

const LARGEST_BODY = 1 << 20;

/** What a session is kept under: whoever reads the file or Redis cannot use it as a cookie. */
export function keyOf(id: string): string {
  if (typeof id !== 'string' || id === '') {
    throw new SpillwayError(
      'SPILLWAY_INVALID_OPTION',
      `The id of a session must be a text that is not empty; received a value of type ${typeof id}`,
      { details: { option: 'id' } },
    );
  }
  return createHash('sha256').update(id).digest('base64url');
}

/** @throws SpillwayError SPILLWAY_SESSION_VALUE */
export function toRecord(
  session: SessionData,
  now: number,
  ttlMs: number,
): Pick<SessionRecord, 'body' | 'expires'> {
  if (typeof session !== 'object' || session === null)
    throw refused(`it is a value of type ${typeof session}`);
  const copy = plainCopy(session);
  let expires = now + ttlMs;
  if (copy.cookie) {
    const end = typeof copy.cookie.expires === 'string' ? Date.parse(copy.cookie.expires) : Number.NaN;
    if (Number.isNaN(end)) copy.cookie.expires = null;
    else {
      expires = end;
      delete copy.cookie.expires;
    }
    // @fastify/session: a copy of `expires`.
    delete (copy.cookie as { originalExpires?: unknown }).originalExpires;
  }
  const body = JSON.stringify(copy);
  if (body.length > LARGEST_BODY) throw refused(`it takes ${body.length} characters of JSON`);
  return { body, expires };
}

export function toSession({ body, expires }: Pick<SessionRecord, 'body' | 'expires'>): SessionData {
  const session = plain(body);
  if (session.cookie && !('expires' in session.cookie))
    session.cookie.expires = new Date(expires).toISOString();
  return session;
}

/** How long the cookie of a session lasts, in ms; 0 where it does not say. */
export function maxAgeOf({ body }: Pick<SessionRecord, 'body'>): number {
  const maxAge = (JSON.parse(body) as SessionData).cookie?.originalMaxAge;
  return typeof maxAge === 'number' && maxAge > 0 ? maxAge : 0;
}

/** By how much a session's end may be behind before it is written again. */
export function slackOf(expires: number, now: number): number {
  return Math.min(60_000, Math.max(0, expires - now) / 20);
}

export function isNewer(one: SessionRecord, other: SessionRecord): boolean {
  return one.version === other.version ? one.expires > other.expires : one.version > other.version;
}

/** @fastify/session assigns each property: one of this name would give the session another prototype. */
function plain(body: string): SessionData {
  const parsed: unknown = body.includes('__proto__')
    ? JSON.parse(body, (name, value) => (name === '__proto__' ? undefined : value))
    : JSON.parse(body);
  return parsed as SessionData;
}

function plainCopy(session: SessionData): SessionData {
  try {
    return plain(JSON.stringify(session));
  } catch (cause) {
    throw refused('JSON cannot carry it (a cycle, a BigInt or undefined)', cause);
  }
}

function refused(why: string, cause?: unknown): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_SESSION_VALUE',
    `The session cannot be kept: ${why}; keep plain data of at most ${LARGEST_BODY} characters of JSON in a session`,
    { cause, details: { most: LARGEST_BODY } },
  );
}
