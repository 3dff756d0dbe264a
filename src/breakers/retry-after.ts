/** Headers as fetch, undici, axios and the SDKs of AI providers hold them. */
type HeaderSource = { get(name: string): unknown } | Readonly<Record<string, unknown>>;

/**
 * How long a response asks not to be called again, ms; undefined where it does not say. `Retry-After` in seconds or as a
 * date (RFC 9110, 10.2.3), and OpenAI's `retry-after-ms`; the later one wins. A date is read against the response's own
 * `Date`, so that a wrong clock here does not matter; without one, against `now`.
 *
 * @param now the time of day, ms since 1970.
 */
export function retryAfterMs(headers: unknown, now = Date.now()): number | undefined {
  const read = reader(headers);
  if (read === undefined) return undefined;
  const waits = [seconds(read('retry-after')), untilDate(read, now), milliseconds(read('retry-after-ms'))];
  const said = waits.filter(wait => wait !== undefined);
  return said.length === 0 ? undefined : Math.max(0, ...said);
}

function reader(headers: unknown): ((name: string) => string | undefined) | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  const source = headers as HeaderSource;
  return name => {
    const value = typeof source.get === 'function' ? source.get(name) : byName(source, name);
    const first = Array.isArray(value) ? value[0] : value;
    return typeof first === 'string' || typeof first === 'number' ? String(first).trim() : undefined;
  };
}

/** Names of headers have no case. */
function byName(headers: Readonly<Record<string, unknown>>, name: string): unknown {
  return headers[name] ?? Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
}

function seconds(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,12}(\.\d+)?$/.test(value) ? Number(value) * 1000 : undefined;
}

function milliseconds(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,15}(\.\d+)?$/.test(value) ? Number(value) : undefined;
}

function untilDate(read: (name: string) => string | undefined, now: number): number | undefined {
  const at = date(read('retry-after'));
  return at === undefined ? undefined : at - (date(read('date')) ?? now);
}

/** A date begins with the name of a day; Date.parse alone would take a number for a year. */
function date(value: string | undefined): number | undefined {
  if (value === undefined || !/^[A-Za-z]{3}/.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at;
}
