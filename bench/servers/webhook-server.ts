import type { StoreAddress } from '../harness/store.ts';

/** The queue every server adds to. */
export const webhookQueue = 'webhooks';

/** What each server under the webhook benchmark is told. */
export interface WebhookServerOptions {
  readonly store: StoreAddress;
  readonly secret: string;
}

/** A server that listens on loopback and answers 202 to a signed delivery once its job is in the store. */
export interface WebhookServer {
  readonly port: number;
  readonly path: string;
  /** What stands before the delivery id in the job's id. */
  readonly jobIdPrefix: string;
  close(): Promise<void>;
}
