import { ok } from 'node:assert/strict';
import { type Behaviour, keyOf } from '../engine.ts';
import * as adding from './adding.ts';
import * as delaying from './delaying.ts';
import * as finishing from './finishing.ts';
import * as getters from './getters.ts';
import * as keeping from './keeping.ts';
import * as locking from './locking.ts';
import * as ordering from './ordering.ts';
import * as pausing from './pausing.ts';
import * as removing from './removing.ts';
import * as retrying from './retrying.ts';

const files = [adding, ordering, delaying, getters, locking, finishing, retrying, removing, pausing, keeping];

/** All behaviours, in the order a report shows them. */
export const behaviours: readonly Behaviour[] = files.flatMap(file => Object.values(file).flat());

const keys = behaviours.map(keyOf);
ok(new Set(keys).size === keys.length, 'two behaviours have the same name');
