import type { StoreAddress } from '../harness/store.ts';

/** What each server under the webhook benchmark is told. */
export interface WebhookServerOptions {
  readonly store: StoreAddress;
  readonly secret: string;
  readonly queueName: string;
}

/** A server that listens on loopback and answers 202 to a signed delivery once its job is in the store. */
export interface WebhookServer {
  readonly port: number;
  readonly path: string;
  close(): Promise<void>;
}
