import type { Clock } from '../../shared/clock.ts';
import type { RedisLink } from './link.ts';

/** More names than this are not asked for together: a large value delays only so many others. */
const MOST_NAMES = 16;
/** No more than this is expected in one answer; a single value may be larger. Bytes. */
const MOST_BYTES = 256 * 1024;
/** How much the size of the latest values says about the next. */
const WEIGHT = 1 / 16;

/** What Redis is asked for, and whom to tell. */
export interface Question {
  readonly names: readonly string[];
  /** When it was first asked, by the monotonic clock. */
  readonly began: number;
  /** What is under the names, from `values[at]` on; null for nothing, and for what is no text. */
  answer(values: readonly (Buffer | null)[], at: number): void;
  fail(error: unknown): void;
}

/**
 * Questions of one turn of the event loop, asked with one MGET: one command, one answer and one deadline cost a third of
 * what they cost for each key. On a cluster, where keys lie on different nodes, each key is asked for by itself.
 */
export class Questions {
  readonly #link: RedisLink;
  readonly #clock: Clock;
  #waiting: Question[] = [];
  #names = 0;
  #scheduled = false;
  /** Of a value, as far as the latest ones tell. */
  #bytes = 0;

  constructor(link: RedisLink, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  ask(question: Question): void {
    const { length } = question.names;
    if (this.#names > 0 && this.#names + length > this.#most()) this.#send();
    this.#waiting.push(question);
    this.#names += length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After all that goes on now, and in the same turn.
    process.nextTick(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  #most(): number {
    return Math.max(1, Math.min(MOST_NAMES, Math.floor(MOST_BYTES / Math.max(1, this.#bytes))));
  }

  #send(): void {
    const questions = this.#waiting;
    if (questions.length === 0) return;
    this.#waiting = [];
    this.#names = 0;
    if (this.#link.onCluster) for (const question of questions) this.#sendAlone(question);
    else this.#sendTogether(questions);
  }

  #sendTogether(questions: readonly Question[]): void {
    const [first] = questions as [Question];
    const names = questions.length === 1 ? first.names : questions.flatMap(question => question.names);
    // Of one turn, they began at the same time, but for those that are asked for the second time.
    const began = questions.reduce((min, each) => Math.min(min, each.began), first.began);
    const waitMs = this.#link.timeoutMs - (this.#clock.monotonic() - began);
    this.#link
      .run(client => client.mgetBuffer(names as string[]), { waitMs, reads: questions.length })
      .then(
        values => {
          let at = 0;
          for (const question of questions) {
            this.#learnSize(values[at]);
            question.answer(values, at);
            at += question.names.length;
          }
        },
        (error: unknown) => {
          for (const question of questions) question.fail(error);
        },
      );
  }

  #sendAlone({ names, began, answer, fail }: Question): void {
    const waitMs = this.#link.timeoutMs - (this.#clock.monotonic() - began);
    this.#link
      .run(client => Promise.all(names.map(name => client.getBuffer(name))), { waitMs })
      .then(values => answer(values, 0), fail);
  }

  #learnSize(value: Buffer | null | undefined): void {
    if (value) this.#bytes += (value.length - this.#bytes) * WEIGHT;
  }
}
