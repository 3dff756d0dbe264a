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
const MAGIC_NUMBER = Buffer.from(MAGIC).readUInt32BE();
/** Digits of a version. */
const VERSION = 16;
const ZERO = 48;
const FIXED = MAGIC.length + VERSION + 1 + 8 + 8 + 1;
const NO_TAGS: readonly string[] = [];
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

/** A frame that was read. What most reads do not need of it is made when it is asked for. */
export class DecodedFrame implements Frame {
  readonly version: number;
  readonly flags: number;
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly keyId: string;
  readonly tags: readonly string[];
  readonly #bytes: Buffer;
  readonly #payloadAt: number;

  constructor(head: Omit<Frame, 'payload'>, bytes: Buffer, payloadAt: number) {
    this.version = head.version;
    this.flags = head.flags;
    this.ttlMs = head.ttlMs;
    this.graceMs = head.graceMs;
    this.keyId = head.keyId;
    this.tags = head.tags;
    this.#bytes = bytes;
    this.#payloadAt = payloadAt;
  }

  get payload(): Buffer {
    return this.#bytes.subarray(this.#payloadAt);
  }

  /** The payload as text. */
  get text(): string {
    return this.#bytes.toString('utf8', this.#payloadAt);
  }
}

/** Reads bytes that anyone may have written. @throws PoisonError */
export function decodeFrame(bytes: Buffer): DecodedFrame {
  if (bytes.length < FIXED + 2 || bytes.readUInt32BE(0) !== MAGIC_NUMBER) {
    throw new PoisonError('not an entry of this format');
  }
  const version = versionAt(bytes, MAGIC.length);
  let at = MAGIC.length + VERSION;
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
  const idLength = bytes.readUInt8(take(1));
  const keyId = idLength === 0 ? '' : text(idLength);
  const count = bytes.readUInt16BE(take(2));
  const tags = count === 0 ? NO_TAGS : Array.from({ length: count }, () => text(bytes.readUInt16BE(take(2))));
  return new DecodedFrame({ version, flags, ttlMs, graceMs, keyId, tags }, bytes, at);
}

/** Its digits, read without making a text of them first. */
function versionAt(bytes: Buffer, start: number): number {
  let version = 0;
  for (let at = start; at < start + VERSION; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) throw new PoisonError('bad version');
    version = version * 10 + digit;
  }
  return version;
}
