/** What a behaviour may answer: plain JSON, so that it can be recorded, compared and printed. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What the scrubber replaces: the run's own names, and the span of time the run happened in. */
export interface Scrubbing {
  /** Run-specific text (a queue's unique name) to its label; longer texts are replaced first. */
  labels: ReadonlyMap<string, string>;
  /** When the run started, in milliseconds since the epoch. */
  startedAt: number;
}

const day = 86_400_000;
const uuids = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const millis = /(?<![\d.])\d{13}(?![\d.])/g;

/**
 * Turns any value into an answer that is the same on every run: times near the run become `<time>`, uuids `<uuid>`,
 * queue names their labels. Undefined, NaN and the infinities stay visible, since engines differ in them.
 */
export function scrub(value: unknown, scrubbing: Scrubbing): Json {
  const labels = [...scrubbing.labels].sort((a, b) => b[0].length - a[0].length);
  const near = (time: number) =>
    time > scrubbing.startedAt - day && time < scrubbing.startedAt + 800 * day && Number.isInteger(time);
  const text = (input: string): string => {
    let output = input;
    for (const [found, label] of labels) output = output.replaceAll(found, label);
    return output
      .replace(uuids, '<uuid>')
      .replace(millis, digits => (near(Number(digits)) ? '<time>' : digits));
  };
  const visit = (input: unknown): Json => {
    if (input === undefined) return '<undefined>';
    if (input === null || typeof input === 'boolean') return input;
    if (typeof input === 'string') return text(input);
    if (typeof input === 'number') {
      if (!Number.isFinite(input)) return `<${input}>`;
      return near(input) ? '<time>' : input;
    }
    if (Array.isArray(input)) return input.map(visit);
    if (input instanceof Error) return visit({ message: input.message, code: codeOf(input) });
    if (typeof input === 'object') {
      const output: { [key: string]: Json } = {};
      for (const [key, inner] of Object.entries(input)) {
        if (inner !== undefined) output[text(key)] = visit(inner);
      }
      return output;
    }
    return `<${typeof input}>`;
  };
  return visit(value);
}

/** BullMQ puts the contract's negative number on `error.code`. */
export function codeOf(error: unknown): number | string | undefined {
  if (error === null || typeof error !== 'object' || !('code' in error)) return undefined;
  return typeof error.code === 'number' || typeof error.code === 'string' ? error.code : undefined;
}

/** True of an answer that says nothing: a behaviour returning one could pass without having seen anything. */
export function isHollow(answer: Json): boolean {
  if (answer === null || answer === '' || answer === '<undefined>') return true;
  if (typeof answer !== 'object') return false;
  return Object.values(answer).every(isHollow);
}

/** The same JSON text for the same answer, whatever the order of keys. */
export function canonical(answer: Json): string {
  return JSON.stringify(sortKeys(answer));
}

/** A copy with object keys in alphabetical order, at every depth. */
export function sortKeys(answer: Json): Json {
  if (Array.isArray(answer)) return answer.map(sortKeys);
  if (answer === null || typeof answer !== 'object') return answer;
  return Object.fromEntries(
    Object.entries(answer)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sortKeys(inner)]),
  );
}
