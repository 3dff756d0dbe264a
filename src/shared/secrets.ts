/** What stands in place of a secret. */
const MASK = '***';

/** Keys whose values are secrets whatever they hold. Lock tokens fall under it too; they are of no use in a log. */
const SECRET_KEY =
  /pass(?:word|wd|phrase)?$|^pwd$|secret|token$|api[-_]?key|authorization|^auth$|cookie|credential|private[-_]?key|connectionstring|webhook_?url$/i;

/** `scheme://anything@`, up to the last `@` of the word: a password may hold an unescaped `/` or `@`. */
const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s"'<>`]*)@/gi;
const KEY_EQUALS_VALUE =
  /\b([\w.-]*(?:password|passwd|pwd|secret|token|api[-_]?key)[\w.-]*=)("[^"]*"|'[^']*'|[^\s"'&,;]+)/gi;
const KEY_COLON_QUOTED_VALUE =
  /(["'][\w.-]*(?:password|passwd|pwd|secret|token|api[-_]?key|authorization)[\w.-]*["']\s*:\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/gi;
const AUTHORIZATION_HEADER = /\b(authorization\s*:\s*(?:bearer|basic|digest)\s+)\S+/gi;

/** Shorter values than this appear in ordinary words; masking them everywhere would make a log unreadable. */
const SHORTEST_KNOWN_SECRET = 3;

const DEEPEST = 8;
const LONGEST_LIST = 100;

/**
 * Masks credentials in a text: those inside URLs (`redis://user:***@host`), `password=…` and `"token": "…"` pairs,
 * `Authorization` headers, and every occurrence of the `known` secrets, also URL-encoded.
 * It masks rather too much than too little. Known secrets shorter than 3 characters are not searched for.
 */
export function maskText(text: string, known: readonly string[] = []): string {
  let masked = text;
  for (const secret of known) {
    if (secret.length < SHORTEST_KNOWN_SECRET) continue;
    masked = masked.replaceAll(secret, MASK);
    const encoded = encodeURIComponent(secret);
    if (encoded !== secret) masked = masked.replaceAll(encoded, MASK);
  }
  return masked
    .replace(URL_CREDENTIALS, (whole, scheme: string, before: string) => {
      const colon = before.indexOf(':');
      if (colon >= 0) return `${scheme}${before.slice(0, colon)}:${MASK}@`;
      return /[/?#]/.test(before) ? whole : `${scheme}${MASK}@`;
    })
    .replace(KEY_EQUALS_VALUE, `$1${MASK}`)
    .replace(KEY_COLON_QUOTED_VALUE, `$1"${MASK}"`)
    .replace(AUTHORIZATION_HEADER, `$1${MASK}`);
}

/**
 * A copy of any value that is safe to write to a log: texts as `maskText` gives them, values under secret-looking keys
 * masked, errors as plain objects with their stack, cause and inner errors, all masked as well.
 * Never throws; bounded in depth (8) and in length of lists (100); circular references become `[circular]`.
 */
export function maskSecrets(value: unknown, known: readonly string[] = []): unknown {
  return copy(value, known, DEEPEST, new Set());
}

function copy(value: unknown, known: readonly string[], depth: number, above: Set<object>): unknown {
  switch (typeof value) {
    case 'string':
      return maskText(value, known);
    case 'bigint':
      return `${value}n`;
    case 'function':
    case 'symbol':
      return `[${typeof value}]`;
    case 'object':
      break;
    default:
      return value;
  }
  if (value === null || value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof URL) return maskText(value.href, known);
  if (above.has(value)) return '[circular]';
  if (depth === 0) return '[deep]';
  above.add(value);
  try {
    const inner = (each: unknown) => copy(each, known, depth - 1, above);
    if (value instanceof Error) return copyError(value, inner);
    if (Array.isArray(value)) {
      const shown = value.slice(0, LONGEST_LIST).map(inner);
      return value.length > LONGEST_LIST ? [...shown, `[${value.length - LONGEST_LIST} more]`] : shown;
    }
    if (value instanceof Map) return { map: inner([...value]) };
    if (value instanceof Set) return { set: inner([...value]) };
    return copyFields(value, inner);
  } catch {
    return '[unreadable]';
  } finally {
    above.delete(value);
  }
}

function copyFields(value: object, inner: (each: unknown) => unknown): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [key, each] of Object.entries(value)) {
    const secret = SECRET_KEY.test(key) && each !== undefined && each !== null && typeof each !== 'boolean';
    fields[key] = secret ? MASK : inner(each);
  }
  return fields;
}

function copyError(error: Error, inner: (each: unknown) => unknown): Record<string, unknown> {
  // An ioredis error carries its command with all arguments: the password for AUTH, job data for scripts.
  const { command, ...fields } = error as Error & { command?: { name?: unknown } };
  return {
    ...copyFields(fields, inner),
    type: error.name,
    message: inner(error.message),
    stack: inner(error.stack),
    ...(command === undefined ? {} : { command: inner(command?.name) }),
    ...(error.cause === undefined ? {} : { cause: inner(error.cause) }),
    ...(error instanceof AggregateError ? { errors: inner(error.errors) } : {}),
  };
}

/**
 * Removes secrets from an error in place, for errors of other libraries that are handed on to a user's listeners:
 * message, stack, causes, inner errors, and the arguments ioredis keeps of the command that failed.
 */
export function scrubError(error: unknown, known: readonly string[] = []): void {
  scrub(error, known, new Set());
}

function scrub(error: unknown, known: readonly string[], seen: Set<unknown>): void {
  if (!(error instanceof Error) || seen.has(error) || Object.isFrozen(error)) return;
  seen.add(error);
  try {
    const masked = maskText(error.message, known);
    if (masked !== error.message) error.message = masked;
    if (error.stack !== undefined) {
      const stack = maskText(error.stack, known);
      if (stack !== error.stack) error.stack = stack;
    }
    const command = (error as Error & { command?: { name?: unknown; args?: unknown } }).command;
    if (command && /^(auth|hello)$/i.test(String(command.name))) command.args = [MASK];
    // Node's ERR_INVALID_URL keeps the whole text it could not read.
    const invalid = error as Error & { input?: unknown };
    if (typeof invalid.input === 'string') invalid.input = maskText(invalid.input, known);
  } catch {
    // A read-only property: nothing more can be done in place, and the log masks it again.
  }
  scrub(error.cause, known, seen);
  if (error instanceof AggregateError) for (const each of error.errors) scrub(each, known, seen);
}
