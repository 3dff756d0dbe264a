import { SpillwayError } from '../../shared/errors.ts';

/** What is kept of a value: a deep-frozen copy, as every tier gives it back, and what it takes in memory. */
export interface Kept {
  readonly value: unknown;
  /** Bytes of memory, as V8 lays such values out; an estimate that errs to the larger side. */
  readonly bytes: number;
  /** Holds dates, or texts that look like one of ours: JSON alone would not bring it back as it is. */
  readonly special: boolean;
}

const DEEPEST = 500;
/** Begins a text that stands for something else: a date, or a text that begins with it. */
const MARK = '\u0001';
const DATE = `${MARK}d`;
const TEXT = `${MARK}s`;

/**
 * Copies, freezes and measures a value, so that all tiers give back the same: memory does not keep what JSON would lose.
 * Objects with `toJSON` become what it returns, instances of classes plain objects, `undefined` in an object is left out and
 * in a list becomes null, as with JSON. Dates stay dates.
 * @throws SpillwayError SPILLWAY_CACHE_VALUE, with the path, for what cannot be kept.
 */
export function keep(value: unknown): Kept {
  const copier = new Copier(false, false);
  const copy = copier.copyForeign(value);
  return { value: copy, bytes: copier.bytes, special: copier.special };
}

/** The same for what JSON.parse gave, which is frozen itself; with `special` texts that stand for dates become dates. */
export function revive(parsed: unknown, special: boolean): Kept {
  const copier = new Copier(true, special);
  const copy = copier.copy(parsed, 0);
  return { value: copy, bytes: copier.bytes, special };
}

/** JSON of a kept value. */
export function toJson({ value, special }: Kept): string {
  return special ? JSON.stringify(value, mark) : JSON.stringify(value);
}

function mark(this: unknown, key: string, value: unknown): unknown {
  const own = (this as Record<string, unknown>)[key];
  if (own instanceof Date) return `${DATE}${own.getTime()}`;
  return typeof value === 'string' && value.startsWith(MARK) ? `${TEXT}${value}` : value;
}

class Copier {
  bytes = 0;
  special = false;
  readonly #reviving: boolean;
  readonly #marked: boolean;
  readonly #path: (string | number)[] = [];

  /** `reviving` what JSON.parse gave, which nobody else has. */
  constructor(reviving: boolean, special: boolean) {
    this.#reviving = reviving;
    this.#marked = special;
  }

  /** What somebody's own code, a getter or `toJSON`, may throw in. */
  copyForeign(value: unknown): unknown {
    try {
      return this.copy(value, 0);
    } catch (error) {
      if (error instanceof SpillwayError) throw error;
      throw this.#refuse('an object whose own code throws', error);
    }
  }

  copy(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        if (!Number.isFinite(value)) throw this.#refuse(String(value));
        this.bytes += 12;
        return value;
      case 'boolean':
        return value;
      case 'object':
        return value === null ? null : this.#object(value, depth);
      default:
        throw this.#refuse(typeof value);
    }
  }

  #text(text: string): unknown {
    this.bytes += 24 + text.length * (isLatin1(text) ? 1 : 2);
    if (!text.startsWith(MARK)) return text;
    this.special = true;
    if (!this.#marked) return text;
    if (text.startsWith(TEXT)) return text.slice(TEXT.length);
    const time = text.startsWith(DATE) ? Number(text.slice(DATE.length)) : Number.NaN;
    if (Number.isNaN(time)) throw this.#refuse('a text with an unknown mark');
    return new Date(time);
  }

  #object(value: object, depth: number): unknown {
    if (depth >= DEEPEST) throw this.#refuse(`a cycle, or more than ${DEEPEST} levels`);
    if (Array.isArray(value)) return this.#list(value, depth);
    if (value instanceof Date) {
      const time = value.getTime();
      if (Number.isNaN(time)) throw this.#refuse('an invalid date');
      this.special = true;
      this.bytes += 96;
      return new Date(time);
    }
    if (ArrayBuffer.isView(value)) throw this.#refuse('binary data');
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === 'function') return this.copy(toJSON.call(value, ''), depth + 1);
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    if (kind !== 'Object') throw this.#refuse(kind);
    return this.#record(value as Record<string, unknown>, depth);
  }

  #list(list: readonly unknown[], depth: number): unknown {
    this.bytes += 32 + 8 * list.length;
    const copy: unknown[] = this.#reviving ? (list as unknown[]) : new Array(list.length);
    for (let at = 0; at < list.length; at++) {
      this.#path[depth] = at;
      const each = list[at];
      copy[at] = each === undefined ? null : this.copy(each, depth + 1);
    }
    this.#path.length = depth;
    return Object.freeze(copy);
  }

  #record(record: Record<string, unknown>, depth: number): unknown {
    const copy: Record<string, unknown> = this.#reviving ? record : {};
    const names = Object.keys(record);
    this.bytes += 32 + 8 * names.length;
    for (const name of names) {
      const each = record[name];
      if (each === undefined) continue;
      this.#path[depth] = name;
      // Assigning it would give the copy another prototype.
      if (name === '__proto__') throw this.#refuse('a property named __proto__');
      copy[name] = this.copy(each, depth + 1);
    }
    this.#path.length = depth;
    return Object.freeze(copy);
  }

  #refuse(what: string, cause?: unknown): SpillwayError {
    const shown = this.#path.slice(0, 20);
    const path = `value${shown.map(step => (typeof step === 'number' ? `[${step}]` : `.${step.slice(0, 50)}`)).join('')}`;
    return new SpillwayError(
      'SPILLWAY_CACHE_VALUE',
      `A value cannot be cached: ${path} is ${what}, which would not come back as it is; make it plain data first`,
      { details: { path, received: what }, cause },
    );
  }
}

function isLatin1(text: string): boolean {
  return !/[\u0100-\uffff]/.test(text);
}
