/** Webhooks in: who signed it, have we seen it, is it safe on disk. Then, and only then, an answer. */
export { type GithubSourceOptions, githubSource } from './github.ts';
export { type WebhookStatus, webhookRetryAfter, webhookStatus } from './http-status.ts';
export { webhookJobId } from './job-id.ts';
export { type MetaKind, type MetaSourceOptions, metaSource } from './meta.ts';
export {
  createWebhookReceiver,
  type WebhookJob,
  type WebhookQueue,
  type WebhookReceipt,
  type WebhookReceiver,
  type WebhookReceiverOptions,
} from './receiver.ts';
export type { Verified, WebhookEvent, WebhookHeaders, WebhookQuery, WebhookSource } from './source.ts';
