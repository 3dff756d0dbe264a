import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { z } from 'zod';
import type { WebhookJobData } from './jobs.ts';

export interface Automation {
  id: number;
  name: string;
  /** '*' is every account. */
  account: string;
  /** What triggers it. */
  kind: string;
  keywords: readonly string[];
  /** The text to answer with; `{name}` becomes the contact's name. */
  reply: string;
}

/** Whose account it is. */
export interface Workspace {
  account: string;
  name: string;
  /** No automation answers. */
  paused: boolean;
}

export interface Contact {
  /** '' where nobody has told it yet. */
  name: string;
}

/** What one user wants of one account. */
export interface UserState {
  muted: boolean;
}

/** What was done with one job. */
export interface Handled {
  jobId: string;
  kind: WebhookJobData['kind'];
  account: string;
  contact: { id: string; name: string } | null;
  automation: Automation | null;
  reply: string | null;
}

/** How often an automation answered, and one of its answers. */
export interface AutomationUse {
  automation: string;
  matches: number;
  example: string;
}

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA busy_timeout = 5000;
  CREATE TABLE IF NOT EXISTS automations (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL, -- '*' is every account
    kind TEXT NOT NULL CHECK (kind IN ('story', 'comment', 'dm', 'issue')),
    keywords TEXT NOT NULL CHECK (json_type(keywords) = 'array'),
    reply TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1))
  ) STRICT;
  CREATE TABLE IF NOT EXISTS workspaces (
    account TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1))
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS user_states (
    account TEXT NOT NULL,
    contact TEXT NOT NULL,
    muted INTEGER NOT NULL CHECK (muted IN (0, 1)),
    PRIMARY KEY (account, contact)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS contacts (
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    events INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (account, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS handled (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL UNIQUE, -- a job that runs twice is recorded once
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    contact TEXT,
    automation INTEGER REFERENCES automations (id),
    reply TEXT,
    handled_at INTEGER NOT NULL,
    CHECK ((automation IS NULL) = (reply IS NULL))
  ) STRICT;`;

/** What a newcomer sees at work. `[name, kind, keywords, reply]` */
const SAMPLES: readonly (readonly [string, string, readonly string[], string])[] = [
  ['Thank for story', 'story', [], 'Hi {name}, thank you for sharing! Here is 10 % off: STORY10'],
  ['Price asked', 'comment', ['price', 'how much', 'cost'], 'Hi {name}, we have just sent you our prices.'],
  ['Link asked', 'comment', ['link', 'where can i'], 'Hi {name}, the link is in our profile.'],
  [
    'Opening hours',
    'dm',
    ['open', 'hours', 'closed'],
    'Hello {name}! We are open from 9 to 18, every day but Sunday.',
  ],
  ['Human wanted', 'dm', ['human', 'agent', 'help'], 'Hi {name}, a colleague will answer you soon.'],
  [
    'Fix promised',
    'issue',
    ['fix', 'fixed'],
    'Thank you, @{name}! Mention this issue in the commit and it closes itself.',
  ],
  ['Question asked', 'issue', ['question', 'questions'], 'Hi @{name}, have you seen our discussions page?'],
];

const SAMPLE_WORKSPACES: readonly (readonly [account: string, name: string])[] = [
  ['17841400000000001', 'The demo shop'],
  ['Codertocat/Hello-World', 'Hello World'],
];

const AutomationRow = z.object({
  id: z.number(),
  name: z.string(),
  account: z.string(),
  kind: z.string(),
  keywords: z.string().transform(text => z.array(z.string()).parse(JSON.parse(text))),
  reply: z.string(),
});
const flag = z.number().transform(value => value === 1);
const WorkspaceRow = z.object({ account: z.string(), name: z.string(), paused: flag });
const ContactRow = z.object({ name: z.string() });
const UserStateRow = z.object({ muted: flag });
const UseRow = z.object({ automation: z.string(), matches: z.number(), example: z.string() });

const AUTOMATIONS = 'SELECT id, name, account, kind, keywords, reply FROM automations WHERE enabled = 1';
const WORKSPACES = 'SELECT account, name, paused FROM workspaces';

/** The app's own database: automations, workspaces, contacts, and what was answered. */
export class AutomationStore {
  readonly #db: DatabaseSync;
  readonly #automationsOf: StatementSync;
  readonly #workspace: StatementSync;
  readonly #contact: StatementSync;
  readonly #userState: StatementSync;
  readonly #insertHandled: StatementSync;
  readonly #upsertContact: StatementSync;
  #pending: { handled: Handled; resolve: () => void; reject: (error: unknown) => void }[] = [];

  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    this.#db.exec(SCHEMA);
    const insert = this.#db.prepare(
      `INSERT INTO automations (name, account, kind, keywords, reply) VALUES (?, '*', ?, ?, ?)
       ON CONFLICT (name) DO NOTHING`,
    );
    for (const [name, kind, keywords, reply] of SAMPLES)
      insert.run(name, kind, JSON.stringify(keywords), reply);
    const insertWorkspace = this.#db.prepare(
      'INSERT INTO workspaces (account, name) VALUES (?, ?) ON CONFLICT (account) DO NOTHING',
    );
    for (const [account, name] of SAMPLE_WORKSPACES) insertWorkspace.run(account, name);
    this.#automationsOf = this.#db.prepare(`${AUTOMATIONS} AND account = ? ORDER BY id`);
    this.#workspace = this.#db.prepare(`${WORKSPACES} WHERE account = ?`);
    this.#contact = this.#db.prepare('SELECT name FROM contacts WHERE account = ? AND id = ?');
    this.#userState = this.#db.prepare('SELECT muted FROM user_states WHERE account = ? AND contact = ?');
    this.#insertHandled = this.#db.prepare(
      `INSERT INTO handled (job_id, kind, account, contact, automation, reply, handled_at)
       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job_id) DO NOTHING`,
    );
    this.#upsertContact = this.#db.prepare(
      `INSERT INTO contacts (account, id, name, events, last_seen) VALUES (?, ?, ?, 1, ?)
       ON CONFLICT (account, id) DO UPDATE SET
         name = iif(excluded.name = '', name, excluded.name), events = events + 1, last_seen = excluded.last_seen`,
    );
  }

  /** The enabled automations made for this account; '*' for those of every account. */
  automationsOf(account: string): Automation[] {
    return this.#automationsOf.all(account).map(row => AutomationRow.parse(row));
  }

  allAutomations(): Automation[] {
    const rows = this.#db.prepare(`${AUTOMATIONS} ORDER BY id`).all();
    return rows.map(row => AutomationRow.parse(row));
  }

  workspace(account: string): Workspace | undefined {
    return WorkspaceRow.optional().parse(this.#workspace.get(account));
  }

  allWorkspaces(): Workspace[] {
    return this.#db
      .prepare(WORKSPACES)
      .all()
      .map(row => WorkspaceRow.parse(row));
  }

  contact(account: string, id: string): Contact | undefined {
    return ContactRow.optional().parse(this.#contact.get(account, id));
  }

  userState(account: string, contact: string): UserState | undefined {
    return UserStateRow.optional().parse(this.#userState.get(account, contact));
  }

  setUserState(account: string, contact: string, { muted }: UserState): void {
    this.#db
      .prepare(
        `INSERT INTO user_states (account, contact, muted) VALUES (?, ?, ?)
         ON CONFLICT (account, contact) DO UPDATE SET muted = excluded.muted`,
      )
      .run(account, contact, muted ? 1 : 0);
  }

  /**
   * Records what was done with a job; resolves when it is on disk. A job recorded before is left as it was.
   * Records of the same turn of the event loop share one transaction, and so one fsync.
   */
  record(handled: Handled): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#pending.push({ handled, resolve, reject }) === 1) setImmediate(() => this.#commit());
    });
  }

  #commit(): void {
    const batch = this.#pending;
    this.#pending = [];
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      for (const { handled } of batch) this.#write(handled);
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      for (const { reject } of batch) reject(error);
      return;
    }
    for (const { resolve } of batch) resolve();
  }

  #write({ jobId, kind, account, contact, automation, reply }: Handled): void {
    const now = Date.now();
    const { changes } = this.#insertHandled.run(
      jobId,
      kind,
      account,
      contact?.id ?? null,
      automation?.id ?? null,
      reply,
      now,
    );
    if (changes === 1 && contact !== null) this.#upsertContact.run(account, contact.id, contact.name, now);
  }

  /** What each automation did with these jobs, the busiest first. */
  usesFor(jobIds: readonly string[]): AutomationUse[] {
    return this.#db
      .prepare(
        `SELECT a.name AS automation, count(*) AS matches, min(h.reply) AS example
         FROM handled h JOIN automations a ON a.id = h.automation
         WHERE h.job_id IN (SELECT value FROM json_each(?)) GROUP BY a.id ORDER BY matches DESC, a.id`,
      )
      .all(JSON.stringify(jobIds))
      .map(row => UseRow.parse(row));
  }

  /** What was answered to each job, by its id. */
  answers(): Map<string, { automation: number | null; reply: string | null }> {
    const rows = this.#db.prepare('SELECT job_id, automation, reply FROM handled').all();
    return new Map(
      rows.map(({ job_id, automation, reply }) => [
        String(job_id),
        {
          automation: automation === null ? null : Number(automation),
          reply: reply === null ? null : String(reply),
        },
      ]),
    );
  }

  /** The ids of all recorded jobs, in the order they were done. */
  recordedJobs(): string[] {
    return this.#db
      .prepare('SELECT job_id FROM handled ORDER BY seq')
      .all()
      .map(row => String(row.job_id));
  }

  close(): void {
    this.#db.close();
  }
}
