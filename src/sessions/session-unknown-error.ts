import { SpillwayError } from '../shared/errors.ts';

/** Seconds: Redis is looked for as often. */
const RETRY_AFTER_S = 2;

/**
 * Only Redis can know the session, and does not answer. Fastify and Express take the answer's status and headers from it: a load
 * balancer that tries another machine may reach one that knows the session.
 */
export class SessionUnknownError extends SpillwayError {
  readonly statusCode = 503;
  readonly headers = { 'retry-after': String(RETRY_AFTER_S) };

  constructor() {
    super(
      'SPILLWAY_SESSION_UNKNOWN',
      'This machine has never seen this session, and Redis, which may have it, does not answer: try again when it does, or set the option whenUnknown to none to go on without the session',
    );
  }
}
