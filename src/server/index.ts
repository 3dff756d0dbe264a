export { breakerRoutes } from './breakers.ts';
export type { Authorize, RouteOptions } from './route-options.ts';
