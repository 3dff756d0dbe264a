import { hubSignatureVerifier } from './hub-signature.ts';
import { isRecord, textAt } from './json.ts';
import { refuseUnknown } from './options.ts';
import { contentId, singleHeader } from './signature.ts';
import type { WebhookHeaders, WebhookSource } from './source.ts';

export interface GithubSourceOptions {
  /** The webhook's secret; several while it is being rotated, the newest first. */
  secrets: readonly string[];
}

const EVENT_NAME = /^[a-z_]{1,64}$/;

/**
 * GitHub: one delivery is one event, named by X-GitHub-Event, told apart by X-GitHub-Delivery.
 *
 * GitHub signs the body only, not these two headers; without a usable delivery id the body's own hash is the id.
 * Throws SPILLWAY_INVALID_OPTION.
 *
 * GitHub waits 10 s and never retries by itself; "Redeliver" sends the same delivery id again.
 */
export function githubSource(options: GithubSourceOptions): WebhookSource {
  refuseUnknown('the source github', options, ['secrets']);
  const deliveryId = (headers: WebhookHeaders, rawBody: Buffer): string =>
    singleHeader(headers, 'x-github-delivery') ?? contentId(rawBody);
  return {
    name: 'github',
    verify: hubSignatureVerifier('github', options?.secrets),
    deliveryId,
    events(headers, rawBody, body) {
      const name = singleHeader(headers, 'x-github-event');
      return [
        {
          key: deliveryId(headers, rawBody),
          kind: name !== undefined && EVENT_NAME.test(name) ? name : 'unknown',
          account: isRecord(body) ? textAt(body.repository, 'full_name') : '',
          data: body,
        },
      ];
    },
  };
}
