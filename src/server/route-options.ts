import type { FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { SpillwayError } from '../shared/errors.ts';
import { noSuchOption } from '../shared/unknown-option.ts';
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

/** Beside our own those that Fastify takes of any plugin. */
const known = ['spillway', 'authorize', 'prefix', 'logLevel', 'logSerializers'];

/**
 * A misspelt `authorize` would shut everybody out, and no Spillway be found out with the first request.
 * Throws SPILLWAY_INVALID_OPTION.
 */
export function checkRouteOptions(options: RouteOptions): void {
  if (typeof options !== 'object' || options === null)
    throw invalid(
      'options',
      `an object, as in app.register(routes, { spillway }); received a value of type ${typeof options}`,
    );
  const { spillway, authorize } = options as Partial<Record<keyof RouteOptions, unknown>>;
  const unknown = Object.keys(options).find(option => !known.includes(option));
  if (unknown !== undefined) throw noSuchOption('these routes', unknown, known);
  const { caches, breakers } = (spillway ?? {}) as Partial<Spillway>;
  if (caches === undefined || breakers === undefined)
    throw invalid('spillway', `what createSpillway made; received a value of type ${typeof spillway}`);
  if (authorize !== undefined && typeof authorize !== 'function')
    throw invalid('authorize', `a function; received a value of type ${typeof authorize}`);
}

function invalid(option: string, range: string): SpillwayError {
  const message = `Option ${option} of these routes must be ${range}`;
  return new SpillwayError('SPILLWAY_INVALID_OPTION', message, { details: { option, range } });
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
