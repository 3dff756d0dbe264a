import { isSpillwayError } from '../shared/errors.ts';

export type WebhookStatus = 400 | 401 | 404 | 500 | 503;

/** The HTTP status of what a receiver threw. Only 503 asks the sender to try again. */
export function webhookStatus(error: unknown): WebhookStatus {
  if (!isSpillwayError(error)) return 500;
  switch (error.code) {
    case 'SPILLWAY_WEBHOOK_SIGNATURE':
      return 401;
    case 'SPILLWAY_WEBHOOK_UNKNOWN_SOURCE':
      return 404;
    case 'SPILLWAY_INVALID_PAYLOAD':
    case 'SPILLWAY_INVALID_JOB':
      return 400;
    case 'SPILLWAY_WEBHOOK_NOT_PERSISTED':
    case 'SPILLWAY_UNAVAILABLE':
    case 'SPILLWAY_PRIMARY_AWAY':
      return 503;
    default:
      return 500;
  }
}

/** Where the engine gives no time to come again, in seconds. */
const RETRY_AFTER = 5;

/** What a 503 should say in its Retry-After header: seconds, from the error, or from what caused it. */
export function webhookRetryAfter(error: unknown): number {
  for (let each = error; isSpillwayError(each); each = each.cause) {
    const { retryAfter } = each.details;
    if (typeof retryAfter === 'number') return retryAfter;
  }
  return RETRY_AFTER;
}
