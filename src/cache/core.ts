import type { Clock } from '../shared/clock.ts';
import type { Versions } from './entry/versions.ts';
import type { Flights } from './flights.ts';
import type { Journal } from './journal/index.ts';
import type { Memory } from './memory.ts';
import type { RedisLink } from './redis/link.ts';
import type { LoadLock } from './redis/load-lock.ts';
import type { Questions } from './redis/questions.ts';
import type { Writer } from './redis/writer.ts';
import type { CacheEvents } from './stats.ts';
import type { Trust } from './trust.ts';

/** The second tier, where there is one. */
export interface SecondTier {
  readonly clock: Clock;
  readonly link: RedisLink;
  readonly versions: Versions;
  readonly questions: Questions;
  /** Of reads that were under way already: their deadline is nearer. */
  readonly moreQuestions: Questions;
  readonly writer: Writer;
  readonly journal: Journal;
  readonly lock: LoadLock;
}

/** What all namespaces of a cache share. */
export interface Core {
  readonly prefix: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly memory: Memory;
  readonly trust: Trust;
  readonly flights: Flights;
  readonly versions: Versions;
  readonly redis: SecondTier | undefined;
  enabled: boolean;
  closed: boolean;
  /** A value could not be kept: whoever reads the log is told once of each namespace. */
  uncacheable(namespace: string, error: unknown): void;
  emit<E extends keyof CacheEvents>(event: E, ...args: CacheEvents[E]): void;
}
