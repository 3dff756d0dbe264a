export { breakerRoutes } from './breakers.ts';
export { cacheRoutes } from './cache-routes.ts';
export type { Authorize, RouteOptions } from './route-options.ts';
