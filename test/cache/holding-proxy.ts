import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a Redis on which requests can be held up, as on a network that stalls: they arrive later, in their order. */
export class HoldingProxy implements AsyncDisposable {
  readonly #server = createServer(socket => this.#join(socket));
  readonly #port: number;
  readonly #held: (() => void)[] = [];
  readonly #sockets = new Set<Socket>();
  #holding = false;

  private constructor(port: number) {
    this.#port = port;
  }

  static async to(url: string): Promise<HoldingProxy> {
    const proxy = new HoldingProxy(Number(new URL(url).port));
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  hold(): void {
    this.#holding = true;
  }

  /** All that was held up arrives, also of connections that whoever made them has given up since. */
  release(): void {
    this.#holding = false;
    for (const arrive of this.#held.splice(0)) arrive();
  }

  #join(client: Socket): void {
    const redis = connect(this.#port, '127.0.0.1');
    const pass = (arrive: () => void) => void (this.#holding ? this.#held.push(arrive) : arrive());
    client.on('data', bytes => pass(() => void redis.write(bytes)));
    client.on('end', () => pass(() => void redis.end()));
    redis.on('data', bytes => void client.write(bytes));
    redis.on('end', () => void client.end());
    for (const socket of [client, redis]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
