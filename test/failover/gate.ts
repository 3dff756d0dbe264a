import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

interface Rule {
  way: 'request' | 'reply';
  pattern: RegExp;
  reached: () => void;
}

/** A proxy before a Redis that stops a connection at a command: before it arrives, or before its answer does. */
export class Gate implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Whether whoever connects is cut off at once. */
  isDown = false;
  #rule: Rule | undefined;

  private constructor(server: Server, port: number, target: number) {
    this.#server = server;
    this.port = port;
    server.on('connection', client => this.#link(client, connect({ port: target, host: '127.0.0.1' })));
  }

  static async start(target: number): Promise<Gate> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    return new Gate(server, address.port, target);
  }

  /** Resolves when a connection has sent what matches; it goes no further from there (request), or hears no more (reply). */
  stopAt(way: Rule['way'], pattern: RegExp): Promise<void> {
    return new Promise(reached => {
      this.#rule = { way, pattern, reached };
    });
  }

  #link(client: Socket, upstream: Socket): void {
    if (this.isDown) {
      for (const socket of [client, upstream]) socket.on('error', () => undefined).destroy();
      return;
    }
    let said = '';
    let stopped: Rule['way'] | undefined;
    client.on('data', bytes => {
      if (stopped === 'request') return;
      const rule = this.#rule;
      if (rule !== undefined) {
        said += bytes.toString('latin1');
        if (rule.pattern.test(said)) {
          this.#rule = undefined;
          stopped = rule.way;
          rule.reached();
          if (stopped === 'request') return;
        }
      }
      upstream.write(bytes);
    });
    upstream.on('data', bytes => {
      if (stopped === undefined) client.write(bytes);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await once(this.#server, 'close');
  }
}
