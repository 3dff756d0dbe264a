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
      return 503;
    default:
      return 500;
  }
}
