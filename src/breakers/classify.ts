import { classifyHttpError } from './classify-http.ts';
import { classifyMongoError } from './classify-mongo.ts';
import { classifyPostgresError } from './classify-postgres.ts';
import type { Verdict } from './verdict.ts';

const DEEPEST_CAUSE = 5;

/**
 * The default judgement of an error: by HTTP status where it carries one, by PostgreSQL's and MongoDB's codes, looking
 * at its causes too. A call that was given up (`AbortError`) says nothing. Whatever is not known is a failure.
 */
export function classifyError(error: unknown): Verdict {
  let each = error;
  for (let depth = 0; depth <= DEEPEST_CAUSE; depth += 1) {
    if (typeof each !== 'object' || each === null) break;
    if ((each as { name?: unknown }).name === 'AbortError') return 'ignore';
    const verdict = classifyPostgresError(each) ?? classifyMongoError(each) ?? classifyHttpError(each);
    if (verdict !== undefined) return verdict;
    const { cause, lastError } = each as { cause?: unknown; lastError?: unknown };
    // The AI SDK's, after attempts of its own.
    each = cause ?? lastError;
  }
  return 'failure';
}
