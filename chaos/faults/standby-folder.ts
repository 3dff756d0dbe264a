/** Redis is well; the standby is not: row 29. */
import { chmodSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Fault } from '../harness/fault.ts';
import type { Stage } from '../harness/stage.ts';

const unaffected = { needsStandby: true, expect: { mostSwitches: 0 } } as const;

export const standbyFolderFaults: readonly Fault[] = [
  {
    ...unaffected,
    name: 'folder-removed',
    title: "the standby's folder is renamed away while Redis works",
    rows: [29],
    inject: ({ standbyFolder }) => renameSync(standbyFolder, awayFrom(standbyFolder)),
    heal({ standbyFolder, problems }) {
      if (existsSync(standbyFolder)) {
        problems.push('a new folder was made for the standby, beside the one that is there');
        rmSync(standbyFolder, { recursive: true });
      }
      renameSync(awayFrom(standbyFolder), standbyFolder);
    },
  },
  {
    ...unaffected,
    name: 'folder-read-only',
    title: "the standby's folder and files are made read-only while Redis works",
    rows: [29],
    unprivileged: true,
    inject: stage => setModes(stage, 0o500, 0o400),
    heal: stage => setModes(stage, 0o700, 0o600),
  },
];

const awayFrom = (folder: string) => `${folder}.away`;

function setModes({ standbyFolder }: Stage, folder: number, files: number): void {
  chmodSync(standbyFolder, 0o700);
  for (const name of readdirSync(standbyFolder)) chmodSync(join(standbyFolder, name), files);
  chmodSync(standbyFolder, folder);
}
