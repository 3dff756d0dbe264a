import type { FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { Spillway } from '../spillway.ts';

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

/** A hook for the routes that change something. */
export function onlyAuthorized(authorize: Authorize | undefined): onRequestAsyncHookHandler {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    if (authorize !== undefined && (await authorize(request)) === true) return;
    const message =
      authorize === undefined
        ? 'This route changes something, and nobody may: register the routes with the option authorize.'
        : 'You may not do this.';
    return reply.code(403).send({ code: 'NOT_AUTHORIZED', message });
  };
}
