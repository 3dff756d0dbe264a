import type { FastifyError, FastifyInstance } from 'fastify';
import * as z from 'zod';
import type { CacheNamespace } from '../cache/index.ts';
import { isSpillwayError } from '../shared/errors.ts';
import { checkRouteOptions, onlyAuthorized, type RouteOptions } from './route-options.ts';

const LARGEST_BODY = 64 * 1024;
const MOST_KEYS = 1_000;

/** Texts and numbers as they are; a record for a namespace whose keys are records. */
const Key = z.union([z.string().min(1), z.number(), z.record(z.string(), z.unknown())]);

const Invalidation = z.union([
  z.strictObject({ key: Key }),
  z.strictObject({ keys: z.array(Key).min(1).max(MOST_KEYS) }),
  z.strictObject({ tag: z.string().min(1).max(512) }),
  z.strictObject({ all: z.literal(true) }),
]);
type Invalidation = z.infer<typeof Invalidation>;

const RANGE = `one of {"key": …}, {"keys": [… at most ${MOST_KEYS}]}, {"tag": "…"}, {"all": true}`;

/**
 * A Fastify plugin: `GET /api/cache/stats`, and `POST /api/cache/:name/invalidate` for those whom `authorize` lets.
 * Register it without fastify-plugin: its parser and its error handler are its own.
 */
export async function cacheRoutes(app: FastifyInstance, options: RouteOptions): Promise<void> {
  checkRouteOptions(options);
  const { spillway, authorize } = options;
  // Whatever the application does with bodies: these are JSON that calls itself so, with nothing in it for a prototype.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: LARGEST_BODY },
    app.getDefaultJsonParser('error', 'error'),
  );
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const status = isSpillwayError(error, 'SPILLWAY_INVALID_OPTION') ? 400 : (error.statusCode ?? 500);
    // What is our fault is the application's to report.
    if (status >= 500) throw error;
    return reply.code(status).send({ code: error.code, message: error.message });
  });

  app.get('/api/cache/stats', () => Promise.resolve(spillway.caches.stats()));

  app.post<{ Params: { name: string } }>(
    '/api/cache/:name/invalidate',
    { onRequest: onlyAuthorized(authorize), bodyLimit: LARGEST_BODY },
    async (request, reply) => {
      const { name } = request.params;
      const namespace = spillway.caches.find(name);
      if (namespace === undefined)
        return reply.code(404).send({ code: 'NO_SUCH_CACHE', message: 'No such cache namespace.' });
      const body = Invalidation.safeParse(request.body);
      if (!body.success)
        return reply.code(400).send({ code: 'INVALID_REQUEST', message: `The body must be ${RANGE}.` });
      return { name, invalidated: await invalidate(namespace, body.data) };
    },
  );
}

async function invalidate(namespace: CacheNamespace<unknown, unknown>, asked: Invalidation) {
  if ('all' in asked) {
    await namespace.clear();
    return { all: true };
  }
  if ('tag' in asked) {
    await namespace.invalidateTag(asked.tag);
    return { tag: asked.tag };
  }
  const keys = 'key' in asked ? [asked.key] : asked.keys;
  await Promise.all(keys.map(key => namespace.delete(key)));
  return { keys: keys.length };
}
