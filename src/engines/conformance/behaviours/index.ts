import { ok } from 'node:assert/strict';
import { type Behaviour, keyOf } from '../engine.ts';
import * as adding from './adding.ts';
import * as cleaning from './cleaning.ts';
import * as deduplicating from './deduplicating.ts';
import * as deduplicationDetails from './deduplication-details.ts';
import * as delaying from './delaying.ts';
import * as describing from './describing.ts';
import * as emptying from './emptying.ts';
import * as eventing from './eventing.ts';
import * as finishing from './finishing.ts';
import * as flowDependencies from './flow-dependencies.ts';
import * as flowPolicies from './flow-policies.ts';
import * as flowRelease from './flow-release.ts';
import * as flowRemoval from './flow-removal.ts';
import * as flows from './flows.ts';
import * as getterRanges from './getter-ranges.ts';
import * as getters from './getters.ts';
import * as jobFields from './job-fields.ts';
import * as keeping from './keeping.ts';
import * as limiting from './limiting.ts';
import * as listening from './listening.ts';
import * as locking from './locking.ts';
import * as ordering from './ordering.ts';
import * as pausing from './pausing.ts';
import * as recovering from './recovering.ts';
import * as removing from './removing.ts';
import * as reprocessing from './reprocessing.ts';
import * as retrying from './retrying.ts';
import * as running from './running.ts';
import * as schedulerList from './scheduler-list.ts';
import * as schedulerRuns from './scheduler-runs.ts';
import * as scheduling from './scheduling.ts';
import * as waiting from './waiting.ts';
import * as workers from './workers.ts';

const files = [
  adding,
  ordering,
  delaying,
  getters,
  locking,
  finishing,
  retrying,
  removing,
  pausing,
  keeping,
  flows,
  flowPolicies,
  flowDependencies,
  flowRemoval,
  deduplicating,
  scheduling,
  schedulerRuns,
  eventing,
  recovering,
  waiting,
  describing,
  running,
  deduplicationDetails,
  workers,
  emptying,
  cleaning,
  getterRanges,
  listening,
  jobFields,
  limiting,
  reprocessing,
  schedulerList,
  flowRelease,
];

/** All behaviours, in the order a report shows them. */
export const behaviours: readonly Behaviour[] = files.flatMap(file => Object.values(file).flat());

const keys = behaviours.map(keyOf);
ok(new Set(keys).size === keys.length, 'two behaviours have the same name');
