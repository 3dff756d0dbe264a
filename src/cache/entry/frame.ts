import { versionText } from './versions.ts';

/**
 * An entry as it lies in Redis and in the journal:
 *
 * `SPW1`, version (16 digits, read by the scripts as well), flags (1 byte), ttl and grace in ms (two doubles), name of the
 * encryption key (length, bytes), tags (count, then length and bytes of each), payload.
 */
export interface Frame {
  version: number;
  flags: number;
  ttlMs: number;
  graceMs: number;
  /** '' when the payload is not encrypted. */
  keyId: string;
  tags: readonly string[];
  payload: Buffer;
}

export const Flag = {
  /** The value was deleted: there is none of an older version. No payload. */
  tombstone: 1,
  undefined: 2,
  special: 4,
  compressed: 8,
  encrypted: 16,
} as const;

export const MAGIC = 'SPW1';
const FIXED = MAGIC.length + 16 + 1 + 8 + 8 + 1;
const KNOWN_FLAGS = 31;

export function encodeFrame(frame: Frame): Buffer {
  return Buffer.concat([encodeHead(frame), frame.payload]);
}

/** All but the payload. Encryption vouches for it, too: no payload can be moved under another head. */
export function encodeHead({ version, flags, ttlMs, graceMs, keyId, tags }: Omit<Frame, 'payload'>): Buffer {
  const id = Buffer.from(keyId);
  const texts = tags.map(tag => Buffer.from(tag));
  const length = FIXED + id.length + 2 + texts.reduce((sum, text) => sum + 2 + text.length, 0);
  const head = Buffer.allocUnsafe(length);
  let at = head.write(MAGIC + versionText(version), 'latin1');
  at = head.writeUInt8(flags, at);
  at = head.writeDoubleBE(ttlMs, at);
  at = head.writeDoubleBE(graceMs, at);
  at = head.writeUInt8(id.length, at);
  at += id.copy(head, at);
  at = head.writeUInt16BE(texts.length, at);
  for (const text of texts) {
    at = head.writeUInt16BE(text.length, at);
    at += text.copy(head, at);
  }
  return head;
}

/** Why bytes are not a frame of ours. */
export class PoisonError extends Error {
  override readonly name = 'PoisonError';
}

/** Reads bytes that anyone may have written. @throws PoisonError */
export function decodeFrame(bytes: Buffer): Frame & { headLength: number } {
  if (bytes.length < FIXED + 2 || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    throw new PoisonError('not an entry of this format');
  }
  const digits = bytes.toString('latin1', MAGIC.length, MAGIC.length + 16);
  if (!/^\d{16}$/.test(digits)) throw new PoisonError('bad version');
  let at = MAGIC.length + 16;
  const flags = bytes.readUInt8(at);
  if ((flags & ~KNOWN_FLAGS) !== 0) throw new PoisonError('unknown flags');
  const ttlMs = bytes.readDoubleBE(at + 1);
  const graceMs = bytes.readDoubleBE(at + 9);
  if (!(ttlMs >= 0 && graceMs >= 0 && Number.isFinite(ttlMs + graceMs))) throw new PoisonError('bad times');
  at += 17;
  const take = (length: number) => {
    if (at + length > bytes.length) throw new PoisonError('truncated');
    at += length;
    return at - length;
  };
  const text = (length: number) => bytes.toString('utf8', take(length), at);
  const keyId = text(bytes.readUInt8(take(1)));
  const count = bytes.readUInt16BE(take(2));
  const tags: string[] = [];
  for (let each = 0; each < count; each++) tags.push(text(bytes.readUInt16BE(take(2))));
  return {
    version: Number(digits),
    flags,
    ttlMs,
    graceMs,
    keyId,
    tags,
    payload: bytes.subarray(at),
    headLength: at,
  };
}
