/** Who takes part: which store, and for the webhook benchmark which server in front of it. */
export interface Contender {
  readonly name: string;
  /** `none`: it keeps nothing outside its process. */
  readonly store: 'redis' | 'redis and standby' | 'sqlite full' | 'sqlite normal' | 'none';
  readonly server?: 'express' | 'fastify' | 'fastify unstored' | 'spillway' | 'main job';
}

export const bullmqRedis: Contender = { name: 'bullmq+redis', store: 'redis' };
/** The failover engine on a healthy Redis: what its safety costs. */
export const spillwayFailover: Contender = { name: 'spillway failover', store: 'redis and standby' };
export const spillwayFull: Contender = { name: 'spillway sqlite full', store: 'sqlite full' };
export const spillwayNormal: Contender = { name: 'spillway sqlite normal', store: 'sqlite normal' };

export const expressBullmq: Contender = { name: 'express+bullmq+redis', store: 'redis', server: 'express' };
export const fastifyBullmq: Contender = { name: 'fastify+bullmq+redis', store: 'redis', server: 'fastify' };
/** No queue at all: what is left for one. */
export const fastifyUnstored: Contender = {
  name: 'fastify, nothing stored',
  store: 'none',
  server: 'fastify unstored',
};
export const spillwayServer: Contender = {
  name: 'spillway server, sqlite full',
  store: 'sqlite full',
  server: 'spillway',
};

export const mainJobServer: Contender = {
  name: 'spillway main job, sqlite full',
  store: 'sqlite full',
  server: 'main job',
};

/** The baseline comes first: every ratio is to it. */
export const engineContenders = [bullmqRedis, spillwayFailover, spillwayFull, spillwayNormal] as const;
export const webhookContenders = [expressBullmq, fastifyBullmq, fastifyUnstored, spillwayServer] as const;

export const opossum: Contender = { name: 'opossum', store: 'none' };
export const cockatiel: Contender = { name: 'cockatiel', store: 'none' };
export const spillwayBreaker: Contender = { name: 'spillway breaker', store: 'none' };
export const breakerContenders = [opossum, cockatiel, spillwayBreaker] as const;
export const bentocache: Contender = { name: 'bentocache', store: 'redis' };
export const cacheManager: Contender = { name: 'cache-manager', store: 'redis' };
export const cacheable: Contender = { name: 'cacheable', store: 'redis' };
export const spillwayCache: Contender = { name: 'spillway cache', store: 'redis' };
export const cacheContenders = [bentocache, cacheManager, cacheable, spillwayCache] as const;

/** The same contender under a second name, to measure a thing against itself. */
export function twinOf(contender: Contender): Contender {
  return { ...contender, name: `${contender.name} (again)` };
}
