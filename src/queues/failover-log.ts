import type { EventEmitter } from 'node:events';
import type { FailoverEvents, FailoverStatus } from '../engines/failover/index.ts';
import type { Clock } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import { RepeatFilter } from './repeat-filter.ts';

const countEveryMs = 60_000;
const drainEveryMs = 5_000;
/** Beyond so many in a minute, what can't be given back is counted instead of told. */
const mostUndeliverable = 20;
const mostExamples = 5;

/** What is counted, with the words for it. */
const words = {
  spilled: 'jobs put on the standby',
  returned: 'jobs given back',
  reportsKept: 'results kept',
  reportsDelivered: 'results delivered',
  unknown: 'adds of unknown outcome',
  duplicates: 'jobs that ran twice or are about to',
  recovered: 'jobs added again from the journal',
  withoutCopy: 'jobs without the copy of the journal',
  lost: 'jobs lost',
  ranInline: 'jobs run inside add',
} as const satisfies Partial<Record<keyof FailoverStatus, string>>;
const counted = Object.keys(words) as (keyof typeof words)[];

/** What the log needs of the engine. */
interface Engine extends Pick<EventEmitter<FailoverEvents>, 'on'> {
  status(): FailoverStatus;
  readonly target: string;
}

type Payload<Name extends keyof FailoverEvents> = FailoverEvents[Name][0];

/**
 * The failover engine's lines in the log: one for each change of state, each loss and each thing that can't be given
 * back; the progress of a drain every few seconds; everything else counted, at most once a minute. So an outage of
 * hours is a few lines, whatever the load.
 */
export class FailoverLog {
  readonly #logger: Logger;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #remedyOf: (failure: string) => string | undefined;
  readonly #repeats: RepeatFilter;
  readonly #timer: NodeJS.Timeout;
  #counted: FailoverStatus;
  #drainToldAt = Number.NEGATIVE_INFINITY;
  #undeliverable = 0;
  #removed = 0;
  #duplicates: Payload<'duplicate'>[] = [];

  /** @param remedyOf how to mend a class of failure, where a call found it before a probe could say. */
  constructor(
    logger: Logger,
    engine: Engine,
    clock: Clock,
    remedyOf: (failure: string) => string | undefined,
  ) {
    this.#logger = logger;
    this.#engine = engine;
    this.#clock = clock;
    this.#remedyOf = remedyOf;
    this.#repeats = new RepeatFilter(clock);
    this.#counted = engine.status();
    this.#timer = setInterval(() => this.#tellCounts(), countEveryMs).unref();
    engine.on('state', transition => this.#tellState(transition));
    engine.on('rung', change => this.#tellRung(change));
    engine.on('standby', change => this.#tellStandby(change));
    engine.on('loss', loss => this.#tellLoss(loss));
    engine.on('drain', progress => this.#tellDrain(progress));
    engine.on('undeliverable', entry => this.#tellUndeliverable(entry));
    engine.on('trouble', error => this.#tellTrouble(error));
    engine.on('room', ({ removed }) => {
      this.#removed += removed;
    });
    engine.on('duplicate', duplicate => {
      if (this.#duplicates.length < mostExamples) this.#duplicates.push(duplicate);
    });
  }

  /** What was not told yet is told now. */
  close(): void {
    clearInterval(this.#timer);
    this.#tellCounts();
  }

  #tellState({ from, to, reason, failure }: Payload<'state'>): void {
    const { pending, lastTrouble } = this.#engine.status();
    const told = lastTrouble?.failure === failure ? lastTrouble?.remedy : undefined;
    const remedy = told || (failure && this.#remedyOf(failure));
    const details = {
      ...{ from, to, reason, pending, target: this.#engine.target },
      ...(failure === undefined ? {} : { failure }),
      ...(remedy ? { remedy } : {}),
    };
    const { target } = this.#engine;
    const waiting = `${jobs(pending)} on the standby`;
    if (to === 'standby') {
      const mend = remedy ? ` ${remedy}` : '';
      this.#logger.warn(details, `${target}: ${from} -> standby (${reason}); ${waiting}.${mend}`);
    } else {
      this.#logger.info(details, `${target}: ${from} -> ${to} (${reason}); ${waiting}.`);
    }
  }

  #tellRung({ rung, reason }: Payload<'rung'>): void {
    if (rung === 'standby') {
      this.#logger.info({ rung }, 'The standby file takes jobs again');
      return;
    }
    const what = rung === 'inline' ? 'are run inside add' : 'are refused';
    this.#logger.error({ rung, reason }, `Nothing can keep new jobs; they ${what}: ${reason}`);
  }

  #tellStandby({ trouble }: Payload<'standby'>): void {
    const { rung } = this.#engine.status();
    if (trouble === undefined) {
      this.#logger.info({ rung }, 'The standby is available again');
      return;
    }
    const { target } = this.#engine;
    const left = rung === 'primary' ? `${target} works alone, with nothing to take over` : 'nothing is left';
    this.#logger.error(
      { ...trouble, rung },
      `The standby is unavailable; ${left} (${rung}): ${trouble.message}`,
    );
  }

  #tellLoss(loss: Payload<'loss'>): void {
    const { kind, recovered, lost, journal } = loss;
    const what = kind === 'emptied' ? 'came back empty' : 'came back without its last writes';
    const outcome = `${jobs(recovered)} added again from the journal (${journal}), about ${lost} lost`;
    this.#logger.error(loss, `${this.#engine.target} ${what}: ${outcome}`);
  }

  #tellDrain(progress: Payload<'drain'>): void {
    const { moved, pending, perSecond, leftMs } = progress;
    const now = this.#clock.monotonic();
    if (pending > 0 && now - this.#drainToldAt < drainEveryMs) return;
    this.#drainToldAt = now;
    const left = leftMs === null || pending === 0 ? '' : `, ${Math.ceil(leftMs / 1000)} s left`;
    this.#logger.info(
      progress,
      `${jobs(moved)} given back to ${this.#engine.target}, ${pending} to go (${Math.round(perSecond)}/s${left})`,
    );
  }

  #tellUndeliverable(entry: Payload<'undeliverable'>): void {
    this.#undeliverable += 1;
    if (this.#undeliverable > mostUndeliverable) return;
    const { queue, job, op, why } = entry;
    const of = job === null ? queue : `job ${job} of ${queue}`;
    this.#logger.error(entry, `What was kept for ${this.#engine.target} was refused: ${op}, ${of}: ${why}`);
  }

  #tellTrouble(error: Error): void {
    const repeated = this.#repeats.admit(error.message);
    if (repeated === undefined) return;
    this.#logger.warn(
      { err: error, repeated },
      `The failover engine met an error and goes on: ${error.message}`,
    );
  }

  #tellCounts(): void {
    const now = this.#engine.status();
    const before = this.#counted;
    this.#counted = now;
    const grown = counted.filter(name => now[name] > before[name]);
    const parts = grown.map(name => `${words[name]}: ${now[name] - before[name]}`);
    if (this.#removed > 0) parts.push(`finished jobs removed to make room: ${this.#removed}`);
    if (this.#undeliverable > mostUndeliverable) {
      parts.push(`more kept operations refused: ${this.#undeliverable - mostUndeliverable}`);
    }
    const details = {
      ...Object.fromEntries(grown.map(name => [name, now[name] - before[name]])),
      state: now.state,
      pending: now.pending,
      ...(this.#duplicates.length > 0 ? { examples: this.#duplicates } : {}),
    };
    this.#removed = 0;
    this.#undeliverable = 0;
    this.#duplicates = [];
    if (parts.length === 0) return;
    this.#logger.info(details, `${this.#engine.target} (${now.state}): ${parts.join(', ')}`);
  }
}

function jobs(count: number): string {
  return count === 1 ? '1 job' : `${count} jobs`;
}
