import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { BreakerMode } from '../breakers/index.ts';
import { isSpillwayError } from '../shared/errors.ts';
import { onlyAuthorized, type RouteOptions } from './route-options.ts';

interface ModeRequest {
  Params: { name: string };
  Body: { mode: BreakerMode; by?: string; reason?: string };
}

/** A text for logs: no line breaks, no escape sequences. */
const line = (maxLength: number) => ({
  type: 'string',
  minLength: 1,
  maxLength,
  pattern: '^[^\\u0000-\\u001f\\u007f]*$',
});

const modeBody = {
  type: 'object',
  required: ['mode'],
  additionalProperties: false,
  properties: {
    mode: { enum: ['automatic', 'forced-open', 'disabled', 'metrics-only'] },
    by: line(200),
    reason: line(500),
  },
} as const;

/**
 * `GET /api/breakers`: how each breaker of this process is doing. `POST /api/breakers/:name/mode`, for those who may: changes the
 * mode of one, and answers how it is doing then.
 */
export async function breakerRoutes(
  app: FastifyInstance,
  { spillway, authorize }: RouteOptions,
): Promise<void> {
  app.get('/api/breakers', async () => ({ breakers: spillway.breakers.stats() }));

  app.post<ModeRequest>(
    '/api/breakers/:name/mode',
    { onRequest: onlyAuthorized(authorize), schema: { body: modeBody } },
    async (request: FastifyRequest<ModeRequest>, reply: FastifyReply) => {
      const { name } = request.params;
      const { mode, ...change } = request.body;
      try {
        spillway.breakers.setMode(name, mode, change);
        return spillway.breakers.get(name).stats;
      } catch (error) {
        if (!isSpillwayError(error, 'SPILLWAY_UNKNOWN_BREAKER')) throw error;
        return reply.code(404).send({ code: error.code, message: error.message });
      }
    },
  );
}
