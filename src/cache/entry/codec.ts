import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import {
  type DecodedFrame,
  decodeFrame,
  encodeFrame,
  encodeHead,
  Flag,
  type Frame,
  PoisonError,
} from './frame.ts';
import { type Kept, revive, toJson } from './value.ts';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** What a compressed payload may grow to: a few bytes can be made to swell without end. */
const LARGEST_INFLATED = 256 * 1024 * 1024;
const IV = 12;
const TAG = 16;

export interface Keys {
  current: string;
  /** 32 bytes each. */
  keys: ReadonlyMap<string, Uint8Array>;
}

const none: Kept = { value: undefined, bytes: 0, special: false };
const empty = Buffer.alloc(0);

/** Entries as bytes, and back. */
export class Codec {
  readonly #compressAbove: number;
  readonly #keys: Keys | undefined;

  constructor(compressAbove: number, keys: Keys | undefined) {
    this.#compressAbove = compressAbove;
    this.#keys = keys;
  }

  /** The entry `name` (its key in Redis, which an encrypted payload is bound to). */
  async encode(
    name: string,
    kept: Kept,
    times: Pick<Frame, 'version' | 'ttlMs' | 'graceMs' | 'tags'>,
  ): Promise<Buffer> {
    const absent = kept.value === undefined;
    let payload: Buffer = absent ? empty : Buffer.from(toJson(kept));
    let flags = (absent ? Flag.undefined : 0) | (kept.special ? Flag.special : 0);
    if (payload.length > this.#compressAbove) {
      payload = await deflate(payload);
      flags |= Flag.compressed;
    }
    if (this.#keys === undefined) return encodeFrame({ ...times, flags, keyId: '', payload });
    const keyId = this.#keys.current;
    const head = { ...times, flags: flags | Flag.encrypted, keyId };
    return encodeFrame({ ...head, payload: encrypt(payload, this.#keyOf(keyId), boundTo(name, head)) });
  }

  /** What `bytes` say; without a value for a tombstone. @throws PoisonError */
  async decode(name: string, bytes: Buffer): Promise<{ frame: DecodedFrame; kept: Kept | undefined }> {
    const frame = decodeFrame(bytes);
    return { frame, kept: await this.open(name, frame) };
  }

  /**
   * The value in a frame, undefined for a tombstone; at once unless it is compressed: most are not, and a promise costs
   * more than all the rest.
   *
   * @throws PoisonError for bytes that are none of ours, damaged, or not made with a key that is known.
   */
  open(name: string, frame: DecodedFrame): Kept | undefined | Promise<Kept> {
    const { flags } = frame;
    if ((flags & Flag.tombstone) !== 0) return undefined;
    const encrypted = (flags & Flag.encrypted) !== 0;
    // Where all is encrypted, plain bytes are someone else's.
    if (encrypted !== (this.#keys !== undefined))
      throw new PoisonError(encrypted ? 'encrypted' : 'not encrypted');
    if ((flags & (Flag.encrypted | Flag.compressed)) === 0) return valueIn(frame.text, flags);
    const payload = encrypted
      ? decrypt(frame.payload, this.#keyOf(frame.keyId), boundTo(name, frame))
      : frame.payload;
    if ((flags & Flag.compressed) === 0) return valueIn(payload.toString(), flags);
    return this.#inflate(payload).then(inflated => valueIn(inflated.toString(), flags));
  }

  async #inflate(payload: Buffer): Promise<Buffer> {
    try {
      return await inflate(payload, { maxOutputLength: LARGEST_INFLATED });
    } catch {
      throw new PoisonError('damaged compression');
    }
  }

  #keyOf(id: string): Uint8Array {
    const key = this.#keys?.keys.get(id);
    if (key === undefined) throw new PoisonError('made with an unknown key');
    return key;
  }
}

function valueIn(json: string, flags: number): Kept {
  if ((flags & Flag.undefined) !== 0) return none;
  try {
    return revive(JSON.parse(json), (flags & Flag.special) !== 0);
  } catch {
    throw new PoisonError('the payload is no value of ours');
  }
}

function boundTo(name: string, head: Omit<Frame, 'payload'>): Buffer {
  return Buffer.concat([Buffer.from(`${name}\n`), encodeHead(head)]);
}

function encrypt(payload: Buffer, key: Uint8Array, bound: Buffer): Buffer {
  const iv = randomBytes(IV);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(bound);
  const text = Buffer.concat([cipher.update(payload), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), text]);
}

function decrypt(bytes: Buffer, key: Uint8Array, bound: Buffer): Buffer {
  try {
    const cipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV), { authTagLength: TAG });
    cipher.setAAD(bound).setAuthTag(bytes.subarray(IV, IV + TAG));
    return Buffer.concat([cipher.update(bytes.subarray(IV + TAG)), cipher.final()]);
  } catch {
    throw new PoisonError('not authentic');
  }
}
