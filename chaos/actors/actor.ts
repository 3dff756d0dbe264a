/** What producers and workers have in common. */
import type { EventEmitter } from 'node:events';
import type { Queue, Worker } from 'bullmq';
import { maskText } from '../../src/shared/secrets.ts';
import { report } from '../../test/faults/child.ts';
import type { LiveEngine } from '../engine.ts';
import { sharedClockMs } from '../harness/clock.ts';
import type { LogWriter } from '../harness/log.ts';
import type { ActorConfig, Message } from './protocol.ts';

/** The configuration is the first argument. */
export function configOf<C extends ActorConfig>(argv: readonly string[]): C {
  return JSON.parse(argv[2] ?? '') as C;
}

export function tell(message: Message): void {
  report(message);
}

/** Tells the runner its state and each change; writes its `error` events to the log. Both from the start. */
export function observe(source: Queue | Worker, engine: LiveEngine, log: LogWriter): void {
  const events: EventEmitter = source;
  events.on('error', (error: unknown) => log.write('error', '-', reasonOf(error)));
  engine.watchDuplicates(source, (job, how) => log.write('counted', job, how));
  engine.watch(source, ({ from, to, reason }) =>
    tell({ event: 'state', at: sharedClockMs(), from, to, reason }),
  );
}

export function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return maskText([code, message ?? String(error)].filter(Boolean).join(': '));
}
