import type { RedisTarget } from '../config/index.ts';
import { maskText } from '../shared/secrets.ts';
import type { ServerFacts } from './facts.ts';
import { classifyFailure, type FailureClass } from './failure.ts';
import { describeRedisTarget, targetSecrets } from './target.ts';
import { evictionTrouble, troubles } from './troubles.ts';

/** A failure in words; never with a secret in them. */
export interface Failure {
  class: FailureClass;
  /** What is wrong: a sentence. */
  message: string;
  /** How to mend it: a sentence. */
  remedy: string;
}

/** Says what an error of this Redis means and how to mend it. */
export function describeFailure(error: unknown, target: RedisTarget): Failure {
  const failure = classifyFailure(error);
  const texts = textsOf(error);
  const trouble = troubles.find(
    each => each.class === failure && (each.when === undefined || texts.some(text => each.when?.test(text))),
  );
  const where = describeRedisTarget(target);
  const says = (trouble?.says ?? '').replace('{where}', where);
  // An old Redis repeats the arguments of a command it does not know: the password, of HELLO.
  const own = (texts[0] ?? '').replace(/,? with args beginning with.*/s, '');
  const masked = maskText(own, targetSecrets(target)).trim();
  return {
    class: failure,
    message: failure === 'other' && masked !== '' ? `${says} ${masked}` : says,
    remedy: trouble?.mend ?? '',
  };
}

/** How to mend a failure of which only the class is known; undefined where nothing can be said. */
export function remedyOf(failure: string): string | undefined {
  return troubles.findLast(each => each.class === failure && each.when === undefined)?.mend;
}

/** What an operator should mend though the server works; an empty list when all is well. */
export function serverWarnings(
  facts: ServerFacts,
  target: RedisTarget,
): { message: string; remedy: string }[] {
  const { evictionPolicy } = facts;
  if (evictionPolicy === null || evictionPolicy === 'noeviction') return [];
  const says = evictionTrouble.says.replace('{where}', describeRedisTarget(target));
  return [{ message: says.replace('{policy}', evictionPolicy), remedy: evictionTrouble.mend }];
}

/** Code and message of an error, its causes and its inner errors. */
function textsOf(error: unknown, depth = 5): string[] {
  if (typeof error !== 'object' || error === null) return typeof error === 'string' ? [error] : [];
  const { code, message, cause, lastNodeError, errors, previousErrors } = error as Record<string, unknown>;
  const inner = [cause, lastNodeError, ...list(errors), ...list(previousErrors)];
  const own = [code, message].filter(each => typeof each === 'string').join(' ');
  return [own, ...(depth > 0 ? inner.flatMap(each => textsOf(each, depth - 1)) : [])];
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
