import type { Ledger } from './ledger/index.ts';

/** The file is looked at so often for switches set by other processes, in ms: off means off within a second. */
const LOOK_MS = 250;

/**
 * Watches one switch in the ledger, which all processes of the machine share: set in one, it acts in every other within a
 * second, also with the primary dead. One that has expired counts as not set.
 */
export class SwitchWatch {
  readonly #ledger: Ledger;
  readonly #name: string;
  readonly #act: (to: 'on' | 'off', reason: string) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #forget: () => void;
  /** Settles when it is known for the first time how the switch stands. */
  readonly known: Promise<void>;
  #markKnown: () => void = () => undefined;
  #stands: 'on' | 'off' = 'on';
  #looking = false;

  constructor(ledger: Ledger, name: string, act: (to: 'on' | 'off', reason: string) => void) {
    this.#ledger = ledger;
    this.#name = name;
    this.#act = act;
    this.known = new Promise(resolve => {
      this.#markKnown = resolve;
    });
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#forget = ledger.onChange(() => this.#look());
    this.#look();
  }

  #look(): void {
    if (this.#looking) return;
    this.#looking = true;
    this.#read()
      .catch(() => undefined)
      .finally(() => {
        this.#looking = false;
        this.#markKnown();
      });
  }

  async #read(): Promise<void> {
    const found = (await this.#ledger.switches()).find(({ name }) => name === this.#name);
    const to = found?.value ?? 'on';
    if (to === this.#stands) return;
    this.#stands = to;
    this.#act(to, found === undefined ? 'the switch has expired' : `${found.by}: ${found.reason}`);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#forget();
  }
}
