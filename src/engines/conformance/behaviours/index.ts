import type { Behaviour } from '../engine.ts';
import * as adding from './adding.ts';

/** All behaviours, in the order a report shows them. */
export const behaviours: readonly Behaviour[] = [...Object.values(adding)].flat();
