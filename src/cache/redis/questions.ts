import type { Clock } from '../../shared/clock.ts';
import type { RedisLink } from './link.ts';

/** More names than this are not asked for together: a large value delays only so many others. */
const MOST_NAMES = 16;
/** After an answer that was larger, fewer are asked for together. Bytes. */
const MOST_BYTES = 256 * 1024;

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
  /** Half as many after an answer that was too large or too late, one more after each other. */
  #most = MOST_NAMES;

  constructor(link: RedisLink, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  ask(question: Question): void {
    const { length } = question.names;
    if (this.#names > 0 && this.#names + length > this.#most) this.#send();
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
          this.#most = isLarge(values) ? Math.ceil(this.#most / 2) : Math.min(MOST_NAMES, this.#most + 1);
          for (const question of questions) {
            question.answer(values, at);
            at += question.names.length;
          }
        },
        (error: unknown) => {
          this.#most = Math.ceil(this.#most / 2);
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
}

function isLarge(values: readonly (Buffer | null)[]): boolean {
  let bytes = 0;
  for (const value of values) bytes += value?.length ?? 0;
  return bytes > MOST_BYTES;
}
