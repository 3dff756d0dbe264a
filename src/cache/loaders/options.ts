import { SpillwayError } from '../../shared/errors.ts';
import { noSuchOption } from '../../shared/unknown-option.ts';

/** What an option of a loader must be; `may` be absent. */
export interface LoaderRule {
  range: string;
  accepts(value: unknown): boolean;
  may?: 'be absent';
}

export const aFunction: LoaderRule = { range: 'a function', accepts: value => typeof value === 'function' };
export const aQuery: LoaderRule = {
  range: 'the text of a query for many keys',
  accepts: value => typeof value === 'string' && value.trim() !== '',
};

/** Something that has this method. */
export function having(method: string, range: string): LoaderRule {
  return {
    range,
    accepts: value => typeof (value as Partial<Record<string, unknown>> | null)?.[method] === 'function',
  };
}

/** @throws SpillwayError SPILLWAY_INVALID_OPTION */
export function checkLoaderOptions<O extends object>(
  loader: string,
  options: O,
  rules: Readonly<Record<keyof O & string, LoaderRule>>,
): void {
  const known = Object.keys(rules) as (keyof O & string)[];
  if (typeof options !== 'object' || options === null)
    throw invalid(loader, 'options', `an object { ${known.join(', ')} }`, options);
  const unknown = Object.keys(options).find(option => !Object.hasOwn(rules, option));
  if (unknown !== undefined) throw noSuchOption(loader, unknown, known);
  for (const option of known) {
    const { range, accepts, may } = rules[option];
    const value = options[option];
    if ((value !== undefined || may === undefined) && !accepts(value))
      throw invalid(loader, option, range, value);
  }
}

/** Without the value: of a database client it holds the password. */
function invalid(loader: string, option: string, range: string, value: unknown): SpillwayError {
  return new SpillwayError(
    'SPILLWAY_INVALID_OPTION',
    `Option ${option} of ${loader} must be ${range}; received a value of type ${value === null ? 'null' : typeof value}`,
    { details: { option, range } },
  );
}
