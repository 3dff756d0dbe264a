import type { FastifyError, FastifyInstance } from 'fastify';
import * as z from 'zod';
import { type BreakerMode, breakerModes, type SetMode } from '../breakers/index.ts';
import { isSpillwayError } from '../shared/errors.ts';
import { checkRouteOptions, onlyAuthorized, type RouteOptions } from './route-options.ts';

const LARGEST_BODY = 16 * 1024;

/** What the fields may hold is for the breaker to judge: it names the range. */
const Change = z.strictObject({
  mode: z.string().nullable(),
  by: z.string().optional(),
  reason: z.string().optional(),
  expiresIn: z.union([z.string(), z.number()]).optional(),
  elsewhere: z.boolean().optional(),
});

const RANGE = `{"mode": one of ${breakerModes.join(', ')}, or null for that of its options, and if wanted "by", "reason", "expiresIn", "elsewhere"}`;

/**
 * `GET /api/breakers`: how each breaker of this process is doing. `POST /api/breakers/:name/mode`, for those who may: sets the
 * mode of one by hand, in all processes of the machine, and answers how it is doing then; of one that only other processes
 * have (`"elsewhere": true`), that it was set.
 */
export async function breakerRoutes(app: FastifyInstance, options: RouteOptions): Promise<void> {
  checkRouteOptions(options);
  const { spillway, authorize } = options;
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const status = statusOf(error);
    // What is our fault is the application's to report.
    if (status === undefined) throw error;
    return reply.code(status).send({ code: error.code, message: error.message });
  });

  app.get('/api/breakers', async () => ({ breakers: spillway.breakers.stats() }));

  app.post<{ Params: { name: string } }>(
    '/api/breakers/:name/mode',
    { onRequest: onlyAuthorized(authorize), bodyLimit: LARGEST_BODY },
    async (request, reply) => {
      const { name } = request.params;
      const body = Change.safeParse(request.body);
      if (!body.success)
        return reply.code(400).send({ code: 'INVALID_REQUEST', message: `The body must be ${RANGE}.` });
      const { mode, ...change } = body.data;
      await spillway.breakers.setMode(name, mode as BreakerMode | null, change as SetMode);
      const here = spillway.breakers.stats();
      return Object.hasOwn(here, name) ? here[name] : { name, mode, elsewhere: true };
    },
  );
}

function statusOf(error: FastifyError): number | undefined {
  if (isSpillwayError(error, 'SPILLWAY_UNKNOWN_BREAKER')) return 404;
  if (isSpillwayError(error, 'SPILLWAY_INVALID_OPTION')) return 400;
  // It holds here, and nowhere else: who asked must know.
  if (isSpillwayError(error, 'SPILLWAY_BREAKER_MODE_NOT_KEPT')) return 503;
  const { statusCode } = error;
  return statusCode !== undefined && statusCode < 500 ? statusCode : undefined;
}
