import { createHmac, timingSafeEqual } from 'node:crypto';

/** Whether `signature` (the `X-Hub-Signature-256` header) is that of `body`, in constant time. */
export function signatureMatches(secret: string, body: Buffer, signature: string | undefined): boolean {
  if (signature === undefined) return false;
  const expected = Buffer.from(`sha256=${createHmac('sha256', secret).update(body).digest('hex')}`);
  const received = Buffer.from(signature);
  return received.length === expected.length && timingSafeEqual(received, expected);
}
