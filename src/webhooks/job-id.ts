import { contentId } from './signature.ts';

const PLAIN = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * The job id of one event: the same for every repeat, so that a queue takes it once.
 *
 * BullMQ refuses ids with ':' and ids that are integers; the source's name in front rules out the second. An event key
 * that is short and plain stays readable (`github-72d3162e-...`), any other is hashed (`meta~9f86d08...`). '-' and '~'
 * keep the two apart.
 */
export function webhookJobId(source: string, key: string): string {
  return PLAIN.test(key) ? `${source}-${key}` : `${source}~${contentId(key)}`;
}
