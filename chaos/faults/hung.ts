/** Redis is there and does not answer, or not everything: rows 4, 5, 6, 13. */
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Fault } from '../harness/fault.ts';
import type { Stage } from '../harness/stage.ts';

/** SIGSTOP: the kernel still accepts connections for it. A second may pass as a stall, more must be noticed. */
export function hang(seconds: number): Fault {
  const lastsMs = seconds * 1000;
  return {
    name: `hang-${seconds}s`,
    title: `Redis hangs for ${seconds} s (SIGSTOP)`,
    rows: [4],
    lastsMs: [lastsMs, lastsMs],
    inject: ({ server }) => server.pause(),
    heal: ({ server }) => server.resume(),
    expect: seconds > 1 ? { away: true } : { mostSwitches: 1 },
  };
}

const SHORT_STALLS = 5;

export const hungFaults: readonly Fault[] = [
  hang(1),
  hang(10),
  hang(60),
  {
    name: 'short-stalls',
    title: `${SHORT_STALLS} stalls of 100 to 350 ms (DEBUG SLEEP), below the deadline`,
    rows: [5],
    redis: ['--appendonly', 'yes', '--enable-debug-command', 'local'],
    lastsMs: [0, 0],
    async inject(stage) {
      for (let stall = 1; stall <= SHORT_STALLS; stall++) {
        await stage.admin('DEBUG', 'SLEEP', stage.random.int(100, 350) / 1000);
        await delay(stage.random.int(300, 700));
      }
    },
    expect: { mostSwitches: 1 },
  },
  {
    name: 'writes-paused',
    title: 'Redis answers reads and holds writes (CLIENT PAUSE WRITE)',
    rows: [6],
    async inject(stage) {
      await stage.admin('CLIENT', 'PAUSE', 60_000, 'WRITE');
    },
    async heal(stage) {
      await stage.admin('CLIENT', 'UNPAUSE');
    },
    expect: { away: true },
  },
  {
    name: 'busy-script',
    title: 'an endless script; Redis says BUSY until SCRIPT KILL',
    rows: [13],
    redis: ['--appendonly', 'yes', '--busy-reply-threshold', '50'],
    inject: runEndlessScript,
    async heal(stage) {
      await stage.admin('SCRIPT', 'KILL');
    },
    expect: { away: true },
  },
];

async function runEndlessScript({ server }: Stage): Promise<void> {
  const client = new Redis(server.port, '127.0.0.1', { retryStrategy: () => null });
  client.on('error', () => {});
  await client.ping();
  // It ends with an error, by SCRIPT KILL or with the server.
  void client
    .eval('while true do end', 0)
    .catch(() => {})
    .finally(() => client.disconnect());
}
