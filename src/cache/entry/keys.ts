import { createHash } from 'node:crypto';
import { SpillwayError } from '../../shared/errors.ts';

/** Longer keys and tags are replaced by their hash. Characters. */
const LONGEST = 256;

/** Names of entries, tags and locks, in memory and in Redis: `<prefix>:<namespace>:<schema>:k:=<key>`, `…:t:=<tag>`, `…:l:k:=<key>`. */
export class KeySpace {
  /** All keys of the namespace begin with it. */
  readonly base: string;
  /** What comes before a key that fits in as it is. */
  readonly plain: string;
  readonly #toText: ((key: never) => string) | undefined;
  readonly #namespace: string;

  constructor(
    prefix: string,
    namespace: string,
    schema: number,
    toText: ((key: never) => string) | undefined,
  ) {
    this.base = `${prefix}:${namespace}:${schema}:`;
    this.plain = `${this.base}k:=`;
    this.#namespace = namespace;
    this.#toText = toText;
  }

  /** Throws SPILLWAY_INVALID_OPTION for what is no key. */
  entry(key: unknown): string {
    return this.named(this.text(key));
  }

  /** The name of the key with this text. */
  named(text: string): string {
    return isShort(text) ? this.plain + text : `${this.base}k:${hashed(text)}`;
  }

  /** The lock for an entry: no name of an entry or a tag. */
  lock(name: string): string {
    return `${this.base}l:${name.slice(this.base.length)}`;
  }

  /** The tag '' is on every value of the namespace. */
  tag(tag: string): string {
    return tagName(this.base, tag);
  }

  /** A key as text. Throws SPILLWAY_INVALID_OPTION for what is no key. */
  text(key: unknown): string {
    if (this.#toText !== undefined) {
      const text: unknown = this.#toText(key as never);
      if (typeof text === 'string') return text;
      throw this.#invalid('a key for which the option key returns a text', typeof text);
    }
    if (typeof key === 'string') return key;
    if (typeof key === 'number' && Number.isFinite(key)) return String(key);
    const received = typeof key === 'number' ? String(key) : `a value of type ${typeof key}`;
    throw this.#invalid('a text or a finite number; for others set the option key', received);
  }

  #invalid(range: string, received: string): SpillwayError {
    return new SpillwayError(
      'SPILLWAY_INVALID_OPTION',
      `A key of the cache namespace ${this.#namespace} must be ${range}; received ${received}`,
      { details: { option: 'key', namespace: this.#namespace, range } },
    );
  }
}

/** The name of a tag in Redis, of the namespace with this base. */
export function tagName(base: string, tag: string): string {
  return `${base}t:${isShort(tag) ? `=${tag}` : hashed(tag)}`;
}

/** Fits into a name as it is. UTF-8 has no lone surrogates: two texts that differ in one would become the same name. */
function isShort(text: string): boolean {
  return text.length <= LONGEST && !/\p{Surrogate}/u.test(text);
}

/** The mark in front keeps a text from passing for another's hash. */
function hashed(text: string): string {
  return `#${createHash('sha256').update(text, 'utf16le').digest('base64url')}`;
}
