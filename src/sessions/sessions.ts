import { randomInt } from 'node:crypto';
import type { CompanionHandle } from '../engines/sqlite/index.ts';
import { openCompanion } from '../engines/sqlite/index.ts';
import type { Clock } from '../shared/clock.ts';
import { systemClock } from '../shared/clock.ts';
import { type Logger, silentLogger } from '../shared/logger.ts';
import { checkSessionsOptions } from './options.ts';
import { type Repair, reconcile } from './reconcile.ts';
import { keyOf, slackOf, toRecord, toSession } from './record.ts';
import { SessionUnknownError } from './session-unknown-error.ts';
import { type Shared, SharedCopy } from './shared-copy.ts';
import { isLive, type SessionRow, type SessionTable, sessionTable } from './table.ts';
import type { SessionData, Sessions, SessionsOptions } from './types.ts';

/** How often changes that Redis has not confirmed are looked for. */
const CONFIRM_EVERY_MS = 500;
const SWEEP_EVERY_MS = 60_000;
const RECONCILED_AT_A_TIME = 100;
/** One that a process makes in the same millisecond as another gets another number. */
const WRITERS = 1_000;

/** @throws SpillwayError SPILLWAY_INVALID_OPTION, and the SPILLWAY_SQLITE_ errors of the file. */
export function openSessions(options: SessionsOptions): Sessions {
  return new DurableSessions(options);
}

class DurableSessions implements Sessions {
  readonly #file: CompanionHandle<SessionTable>;
  readonly #shared: SharedCopy | undefined;
  readonly #ttlMs: number;
  readonly #most: number;
  readonly #refuses: boolean;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #writer = randomInt(WRITERS);
  readonly #timers: NodeJS.Timeout[];
  #confirming: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: SessionsOptions) {
    const { file, durability, name, ttlMs, maxSessions, whenUnknown } = checkSessionsOptions(options);
    const { cache, clock = systemClock, logger = silentLogger } = options;
    this.#ttlMs = ttlMs;
    this.#most = maxSessions;
    this.#refuses = whenUnknown === 'refuse';
    this.#clock = clock;
    this.#logger = logger;
    this.#file = openCompanion({ file, durability }, sessionTable);
    this.#shared = cache && new SharedCopy(cache, name, clock, () => this.#confirm());
    this.#timers = [
      setInterval(() => this.#confirm(), CONFIRM_EVERY_MS).unref(),
      setInterval(() => this.#behind(this.#sweep()), SWEEP_EVERY_MS).unref(),
    ];
  }

  async get(id: string): Promise<SessionData | null> {
    const key = keyOf(id);
    const row = await this.#file.read(table => table.get(key, this.#now()));
    // What ended here needs no asking elsewhere.
    if (row !== undefined && !isLive(row)) return null;
    const shared = await this.#shared?.read(key);
    if (shared === undefined) {
      if (row !== undefined) return toSession(row);
      if (this.#shared !== undefined && this.#refuses) throw new SessionUnknownError();
      return null;
    }
    const { session, repair } = reconcile(row, shared);
    this.#behind(this.#inFile(key, repair));
    return session !== undefined && session.expires > this.#now() ? toSession(session) : null;
  }

  async set(id: string, session: SessionData): Promise<void> {
    const key = keyOf(id);
    const now = this.#now();
    const saved = toRecord(session, now, this.#ttlMs);
    // "It is there already" is a promise, too: by then it is on the disk.
    const changes = await this.#file.read(
      table => {
        const row = table.get(key, now);
        return row === undefined || table.wants(row, saved, now);
      },
      { durable: true },
    );
    if (!changes) return;
    const row = await this.#file.write(table => table.save(key, saved, this.#stamp(), now));
    if (row) await this.#shared?.write(row);
  }

  async touch(id: string, session: SessionData): Promise<void> {
    const key = keyOf(id);
    const now = this.#now();
    const { expires } = toRecord(session, now, this.#ttlMs);
    const row = await this.#file.read(table => table.get(key, now));
    if (row === undefined) return this.set(id, session);
    if (!isLive(row) || expires <= row.expires + slackOf(expires, now)) return;
    // A power loss may take it back: then the session ends a little sooner.
    const longer = await this.#file.write(table => table.prolong(key, expires, now), { durable: false });
    if (longer) this.#behind(this.#shared?.write(longer));
  }

  async destroy(id: string): Promise<void> {
    const key = keyOf(id);
    const row = await this.#file.write(table => table.destroy(key, this.#ttlMs, this.#stamp(), this.#now()));
    if (row) await this.#shared?.write(row);
  }

  stats(): Promise<{ sessions: number; destroyed: number; unconfirmed: number }> {
    return this.#file.read(table => table.counts(this.#now()));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#shared?.close();
    await this.#confirming;
    await this.#file
      .release()
      .catch((error: unknown) => this.#logger.warn({ err: error }, 'Closing sessions'));
  }

  /** Tells Redis what it does not have: after an outage, and whatever got lost on the way. */
  #confirm(): void {
    if (this.#shared?.up !== true || this.#closing !== undefined) return;
    this.#confirming ??= this.#confirmAll(this.#shared)
      .catch((error: unknown) => this.#report(error))
      .finally(() => {
        this.#confirming = undefined;
      });
  }

  async #confirmAll(shared: SharedCopy): Promise<void> {
    const mark = `mark:${await this.#file.read(table => table.fileId())}`;
    const marked = await shared.isMarked(mark);
    if (marked === undefined) return;
    if (!marked) {
      await this.#file.write(table => table.unconfirmAll());
      await shared.mark(mark);
    }
    for (let after = ''; this.#closing === undefined; ) {
      const rows = await this.#file.read(table =>
        table.unconfirmed(after, RECONCILED_AT_A_TIME, this.#now()),
      );
      const last = rows.at(-1);
      if (last === undefined) return;
      const known = await shared.readAll(rows.map(row => row.key));
      if (known === undefined) return;
      after = last.key;
      await Promise.all(rows.map((row, at) => this.#reconcile(shared, row, known[at])));
    }
  }

  async #reconcile(shared: SharedCopy, row: SessionRow, known: Shared | undefined): Promise<void> {
    if (known === undefined) return;
    const { repair } = reconcile(row, known);
    // Confirmed by the next look.
    if (repair.kind === 'push') await shared.write(row);
    else await this.#inFile(row.key, repair);
  }

  /** Whether Redis has not answered or has nothing is not known here: what it may lack is only noted. */
  async #inFile(key: string, repair: Repair): Promise<void> {
    const stamp = this.#stamp();
    const now = this.#now();
    if (repair.kind === 'adopt') await this.#file.write(table => table.adopt(key, repair.theirs, stamp, now));
    // Lost with the power, these are only found out again.
    if (repair.kind === 'confirm')
      await this.#file.write(table => table.confirm(repair.row), { durable: false });
    if (repair.kind === 'push' && repair.row.confirmed)
      await this.#file.write(table => table.unconfirm(key), { durable: false });
  }

  async #sweep(): Promise<void> {
    for (let more = true; more && this.#closing === undefined; )
      more = await this.#file.write(table => table.sweep(this.#most, this.#now()), { durable: false });
  }

  /** Never awaited, always reported. */
  #behind(work: Promise<void> | undefined): void {
    work?.catch((error: unknown) => this.#report(error));
  }

  #report(error: unknown): void {
    if (this.#closing === undefined) this.#logger.warn({ err: error }, 'Sessions could not be put in order');
  }

  #now(): number {
    return Math.floor(this.#clock.now());
  }

  #stamp(): number {
    return this.#now() * WRITERS + this.#writer;
  }
}
