import { matchingKey, parseHexSignature, secretKeys, signatureError, singleHeader } from './signature.ts';
import type { Verified, WebhookHeaders } from './source.ts';

const HEADER = 'x-hub-signature-256';
const PREFIX = 'sha256=';

/**
 * `X-Hub-Signature-256: sha256=<HMAC-SHA256 of the raw body, hex>`, as GitHub and Meta send it.
 * Neither signs a time, so there is no age to check: repeats are told by the delivery id.
 */
export function hubSignatureVerifier(
  source: string,
  secrets: readonly string[] | undefined,
): (headers: WebhookHeaders, rawBody: Buffer) => Verified {
  const keys = secretKeys(source, secrets);
  return (headers, rawBody) => {
    const header = singleHeader(headers, HEADER);
    if (header === undefined) throw signatureError(source, 'the X-Hub-Signature-256 header is missing.');
    const signature = parseHexSignature(header, PREFIX);
    if (signature === undefined) {
      throw signatureError(source, 'X-Hub-Signature-256 must be "sha256=" and 64 hex digits.');
    }
    const secretIndex = matchingKey(keys, rawBody, signature);
    if (secretIndex < 0) throw signatureError(source, 'the signature does not match the body.');
    return { source, secretIndex };
  };
}
