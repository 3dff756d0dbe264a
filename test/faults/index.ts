/** Process faults for tests: real children, killed, starved of disk and of rights, and what they left judged. */
export { AckLog, type Acks, type AckVerdict, checkAcks, readAckLog } from './ack-log.ts';
export { type Kill, type KillAtRandomOptions, killAtRandom } from './kill.ts';
export {
  fileSizeLimit,
  ownNetwork,
  type Possible,
  type Runner,
  smallDisk,
  withoutPrivileges,
} from './runners.ts';
export {
  type ScriptExit,
  type ScriptProcess,
  type SpawnScriptOptions,
  spawnScript,
} from './spawn-script.ts';
