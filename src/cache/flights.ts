/** A read that is under way, which other readers of the same name join. */
export interface Flight<V> {
  promise: Promise<V>;
  /** The name was changed meanwhile: what it finds is for those who wait already, and is not kept. */
  outdated: boolean;
}

/** One read at a time for each name. */
export class Flights {
  readonly #flights = new Map<string, Flight<unknown>>();

  get(name: string): Flight<unknown> | undefined {
    return this.#flights.get(name);
  }

  start<V>(name: string, run: (flight: Flight<V>) => Promise<V>): Flight<V> {
    const flight = { outdated: false } as Flight<V>;
    this.#flights.set(name, flight);
    flight.promise = run(flight);
    const landed = () => {
      if (this.#flights.get(name) === flight) this.#flights.delete(name);
    };
    // Before anybody who waits for it; and it may run for its own sake.
    flight.promise.then(landed, landed);
    return flight;
  }

  /** The name was changed: nobody joins a read that began before. */
  outdate(name: string): void {
    const flight = this.#flights.get(name);
    if (flight === undefined) return;
    flight.outdated = true;
    this.#flights.delete(name);
  }

  /** Names that begin with it, or all. */
  outdateAll(prefix = ''): void {
    for (const name of [...this.#flights.keys()]) if (name.startsWith(prefix)) this.outdate(name);
  }
}
