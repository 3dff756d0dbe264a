import type { FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { Spillway } from '../spillway.ts';
import { isFromOwnPages } from './same-site.ts';

/** Whether this request may change something. It may ask a session, check a token, or look at a client certificate. */
export type Authorize = (request: FastifyRequest) => boolean | Promise<boolean>;

/** What every group of routes needs. */
export interface RouteOptions {
  spillway: Spillway;
  /**
   * Asked before every route that changes something; `false` answers 403. Without it those routes answer 403 always: a
   * route that anybody may call is never the default.
   */
  authorize?: Authorize;
}

/**
 * A hook for the routes that change something. Requests that a page of another site makes answer 403, whoever they are: they
 * come with the user's cookies, not with the user's wish.
 */
export function onlyAuthorized(authorize: Authorize | undefined): onRequestAsyncHookHandler {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const own = isFromOwnPages(request);
    if (own && authorize !== undefined && (await authorize(request)) === true) return;
    const message =
      authorize === undefined
        ? 'This route changes something, and nobody may: register the routes with the option authorize.'
        : 'You may not do this.';
    return reply.code(403).send({ code: 'NOT_AUTHORIZED', message });
  };
}
