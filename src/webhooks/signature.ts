import { createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { SpillwayError } from '../shared/errors.ts';
import { invalidOption } from './options.ts';
import type { WebhookHeaders } from './source.ts';

const HEX_SHA256 = /^[0-9a-fA-F]{64}$/;

/** Keys ready for HMAC. An empty secret is refused: everybody knows it. Throws SPILLWAY_INVALID_OPTION. */
export function secretKeys(source: string, secrets: readonly string[] | undefined): readonly KeyObject[] {
  const isSecret = (each: unknown) => typeof each === 'string' && each !== '';
  if (!Array.isArray(secrets) || secrets.length === 0 || !secrets.every(isSecret)) {
    const range = 'a list of at least one secret, none of them empty';
    throw invalidOption(`the source ${source}`, 'secrets', range, secrets);
  }
  return secrets.map(secret => createSecretKey(Buffer.from(secret, 'utf8')));
}

/**
 * Which key signed these bytes with HMAC-SHA256, or -1.
 *
 * Both sides are 32 bytes whatever was sent, because `parseHexSignature` lets nothing else through, so
 * `timingSafeEqual` can't throw on lengths and there is nothing left for hashing both sides first to hide.
 */
export function matchingKey(keys: readonly KeyObject[], rawBody: Buffer, signature: Buffer): number {
  for (let index = 0; index < keys.length; index += 1) {
    const expected = createHmac('sha256', keys[index]!).update(rawBody).digest();
    if (timingSafeEqual(expected, signature)) return index;
  }
  return -1;
}

/** The 32 bytes of `<prefix><64 hex digits>`, upper or lower case; `undefined` for anything else. */
export function parseHexSignature(header: string, prefix: string): Buffer | undefined {
  if (!header.startsWith(prefix)) return undefined;
  const hex = header.slice(prefix.length);
  return HEX_SHA256.test(hex) ? Buffer.from(hex, 'hex') : undefined;
}

/** Compares texts of any length without telling where they differ: both are hashed first. */
export function equalSecrets(a: string, b: string): boolean {
  return timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'));
}

/** One header's value; `undefined` when it is missing, empty or was sent several times as a list. */
export function singleHeader(headers: WebhookHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A stable id for what has none of its own: the SHA-256 of its bytes, as 64 hex digits. */
export function contentId(content: Buffer | string): string {
  return hash('sha256', content, 'hex');
}

export function signatureError(source: string, reason: string): SpillwayError {
  return new SpillwayError('SPILLWAY_WEBHOOK_SIGNATURE', `${source}: ${reason}`, { details: { source } });
}
