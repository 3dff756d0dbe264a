/** Everything chaos can do to Redis, to the way to it and to those who use it. A family a file. */
import type { Fault } from '../harness/fault.ts';
import { connectionFaults } from './connections.ts';
import { cycleFaults } from './cycles.ts';
import { drainFaults } from './drain.ts';
import { emptiedFaults } from './emptied.ts';
import { fullFaults } from './full.ts';
import { goneFaults } from './gone.ts';
import { hungFaults } from './hung.ts';
import { networkFaults } from './network.ts';
import { refusedFaults } from './refused.ts';
import { standbyFolderFaults } from './standby-folder.ts';
import { workerFaults } from './workers.ts';

/** In the order in which they run. */
export const FAULTS: readonly Fault[] = [
  ...goneFaults,
  ...emptiedFaults,
  ...hungFaults,
  ...connectionFaults,
  ...fullFaults,
  ...refusedFaults,
  ...networkFaults,
  ...workerFaults,
  ...standbyFolderFaults,
  ...drainFaults,
  ...cycleFaults,
];

/** Throws a RangeError that says which there are. */
export function faultNamed(name: string): Fault {
  const found = FAULTS.find(fault => fault.name === name);
  if (found !== undefined) return found;
  throw new RangeError(
    `no fault is called '${name}'; there are: ${FAULTS.map(fault => fault.name).join(', ')}`,
  );
}
