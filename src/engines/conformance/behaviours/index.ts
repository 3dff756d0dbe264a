import type { Behaviour } from '../engine.ts';
import * as adding from './adding.ts';
import * as delaying from './delaying.ts';
import * as getters from './getters.ts';
import * as ordering from './ordering.ts';

const files = [adding, ordering, delaying, getters];

/** All behaviours, in the order a report shows them. */
export const behaviours: readonly Behaviour[] = files.flatMap(file => Object.values(file).flat());
