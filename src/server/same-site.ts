import type { FastifyRequest } from 'fastify';

/**
 * Whether a request comes from the application's own pages, or from no page at all: a script with a token, say. Browsers say
 * in every POST how its page relates to us, old ones only where it is from; a page can fake neither.
 */
export function isFromOwnPages({ headers }: FastifyRequest): boolean {
  const relation = headers['sec-fetch-site'];
  if (relation !== undefined) return relation === 'same-origin' || relation === 'none';
  const { origin, host } = headers;
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}
