import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { SeededRandom } from '../test/support/random.ts';

type Way = 'requests' | 'replies';

/** What the proxy does to what passes through it, connections that are already there included. */
export type Weather =
  | { readonly kind: 'clear' }
  /** Each reply is late by `latencyMs` and up to `jitterMs` more; the order is kept. */
  | { readonly kind: 'slow'; readonly latencyMs: number; readonly jitterMs: number }
  /** Nothing arrives, in one direction or both, and nobody is told. What was held arrives when the weather clears. */
  | { readonly kind: 'blackhole'; readonly ways: readonly Way[] }
  /** Every byte in a write of its own. */
  | { readonly kind: 'fragments' }
  /** This share of the replies is thrown away, and the connection reset: the request was carried out. */
  | { readonly kind: 'reset-before-reply'; readonly share: number }
  /** This share of the replies ends somewhere in the middle, and the connection with it. */
  | { readonly kind: 'cut-replies'; readonly share: number }
  /** Up and down in turn, each so long. Down resets what is connected, and whoever connects. */
  | { readonly kind: 'flapping'; readonly everyMs: number };

/** Single bytes written before other work gets its turn. */
const BYTES_A_TURN = 32;

/** A TCP proxy on 127.0.0.1 before a server on 127.0.0.1, which behaves as networks do on bad days. */
export class ChaosProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #target: number;
  readonly #links = new Set<Link>();
  readonly #random: SeededRandom;
  #weather: Weather = { kind: 'clear' };
  #flaps: NodeJS.Timeout | undefined;
  #down = false;

  private constructor(server: Server, port: number, target: number, random: SeededRandom) {
    this.#server = server;
    this.port = port;
    this.#target = target;
    this.#random = random;
    server.on('connection', socket => this.#accept(socket));
  }

  /** All that is left to chance comes from `random`. */
  static async start(target: number, random: SeededRandom): Promise<ChaosProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    return new ChaosProxy(server, address.port, target, random);
  }

  /** From now on. */
  set(weather: Weather): void {
    clearInterval(this.#flaps);
    this.#down = false;
    this.#weather = weather;
    if (weather.kind === 'flapping') {
      this.#flap();
      this.#flaps = setInterval(() => this.#flap(), weather.everyMs);
    }
    for (const link of this.#links) link.weatherChanged();
  }

  /** Resets every connection. */
  async close(): Promise<void> {
    clearInterval(this.#flaps);
    // Who was let in just now and is told of later is not let through.
    this.#down = true;
    this.#server.close();
    const links = [...this.#links];
    for (const link of links) link.reset();
    await Promise.all([once(this.#server, 'close'), ...links.map(link => link.closed)]);
  }

  #flap(): void {
    this.#down = !this.#down;
    if (this.#down) for (const link of this.#links) link.reset();
  }

  #accept(client: Socket): void {
    if (this.#down) {
      client.on('error', () => {});
      resetAndDestroy(client);
      return;
    }
    const link = new Link(client, this.#target, this.#random, () => this.#weather);
    this.#links.add(link);
    void link.closed.then(() => this.#links.delete(link));
  }
}

/** One connection and its other half. */
class Link {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #channels: readonly Channel[];
  /** Both of its sockets are. */
  readonly closed: Promise<unknown>;

  constructor(client: Socket, target: number, random: SeededRandom, weather: () => Weather) {
    this.#client = client;
    this.#upstream = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const reset = () => this.reset();
    this.#channels = [
      new Channel('requests', client, this.#upstream, { random, weather, reset }),
      new Channel('replies', this.#upstream, client, { random, weather, reset }),
    ];
    const sockets = [client, this.#upstream];
    this.closed = Promise.all(
      sockets.map(socket => new Promise<void>(resolve => socket.once('close', () => resolve()))),
    );
    for (const socket of sockets) {
      socket.on('error', reset);
      socket.once('close', hadError => {
        if (hadError) this.reset();
      });
    }
  }

  weatherChanged(): void {
    for (const channel of this.#channels) channel.pump();
  }

  /** Both sides get a reset, as from a host that went away. */
  reset(): void {
    for (const channel of this.#channels) channel.stop();
    for (const socket of [this.#client, this.#upstream]) {
      if (socket.destroyed) continue;
      // There is nothing to reset yet; resetAndDestroy would wait until there is.
      if (socket.connecting) socket.destroy();
      else resetAndDestroy(socket);
    }
  }
}

/**
 * A reset at once. By itself `resetAndDestroy()` shuts down first, and a reset of the other side at that moment makes
 * libuv refuse this one (EINVAL): Node 24 then loses the handle, neither closed nor said to be.
 */
function resetAndDestroy(socket: Socket): void {
  // It has said its end already.
  if (socket.writableEnded) {
    socket.destroy();
    return;
  }
  socket.destroySoon = () => socket.destroy();
  socket.resetAndDestroy();
}

interface Surroundings {
  readonly random: SeededRandom;
  readonly weather: () => Weather;
  readonly reset: () => void;
}

interface Parcel {
  /** Undefined: the sender has ended. */
  bytes: Buffer | undefined;
  readonly dueAt: number;
}

/** One direction of a connection: what was received and not passed on yet, in order. */
class Channel {
  readonly #way: Way;
  readonly #to: Socket;
  readonly #around: Surroundings;
  readonly #queue: Parcel[] = [];
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(way: Way, from: Socket, to: Socket, around: Surroundings) {
    this.#way = way;
    this.#to = to;
    this.#around = around;
    from.on('data', bytes => this.#arrive(bytes));
    from.once('end', () => this.#arrive(undefined));
  }

  stop(): void {
    this.#stopped = true;
    this.#queue.length = 0;
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
  }

  #arrive(bytes: Buffer | undefined): void {
    if (this.#stopped) return;
    const latest = this.#queue.at(-1)?.dueAt ?? 0;
    this.#queue.push({ bytes, dueAt: Math.max(latest, performance.now() + this.#delay()) });
    this.pump();
  }

  #delay(): number {
    const weather = this.#around.weather();
    if (weather.kind !== 'slow' || this.#way !== 'replies') return 0;
    return weather.latencyMs + this.#around.random.next() * weather.jitterMs;
  }

  /** Passes on what may be passed on now. */
  pump(): void {
    if (this.#turn !== undefined || this.#stopped) return;
    clearTimeout(this.#timer);
    for (let parcel = this.#queue[0]; parcel !== undefined; parcel = this.#queue[0]) {
      const weather = this.#around.weather();
      if (weather.kind === 'blackhole' && weather.ways.includes(this.#way)) return;
      const wait = weather.kind === 'slow' ? parcel.dueAt - performance.now() : 0;
      if (wait > 0) {
        this.#timer = setTimeout(() => this.pump(), wait);
        return;
      }
      if (weather.kind === 'fragments' && parcel.bytes !== undefined && parcel.bytes.length > 1) {
        parcel.bytes = this.#writeSingly(parcel.bytes);
        this.#turn = setImmediate(() => {
          this.#turn = undefined;
          this.pump();
        });
        return;
      }
      this.#queue.shift();
      if (!this.#deliver(parcel.bytes, weather)) return;
    }
  }

  /** Gives back what is left. */
  #writeSingly(bytes: Buffer): Buffer {
    const count = Math.min(BYTES_A_TURN, bytes.length - 1);
    for (let at = 0; at < count; at++) this.#to.write(bytes.subarray(at, at + 1));
    return bytes.subarray(count);
  }

  /** False when the connection has come to its end. */
  #deliver(bytes: Buffer | undefined, weather: Weather): boolean {
    const { random, reset } = this.#around;
    if (bytes === undefined) {
      this.#to.end();
      return true;
    }
    const spoils = weather.kind === 'reset-before-reply' || weather.kind === 'cut-replies';
    if (!spoils || this.#way === 'requests' || !random.chance(weather.share)) {
      this.#to.write(bytes);
      return true;
    }
    if (weather.kind === 'cut-replies' && bytes.length > 1) {
      const part = bytes.subarray(0, random.int(1, bytes.length - 1));
      this.stop();
      this.#to.write(part, () => reset());
      return false;
    }
    reset();
    return false;
  }
}
