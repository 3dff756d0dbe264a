import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';

const headEnd = Buffer.from('\r\n\r\n');

/**
 * A keep-alive HTTP/1.1 connection with one request under way at a time. Bare on purpose: the generator shares two
 * cores with the server, and what it spends the server lacks.
 */
export class HttpConnection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #answer: { resolve(status: number): void; reject(error: Error): void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', chunk => this.#read(chunk));
    socket.on('error', error => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  static async open(port: number): Promise<HttpConnection> {
    const socket = connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    return new HttpConnection(socket);
  }

  /** Writes one whole request and resolves with the status once its whole response is here. */
  send(request: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const end = this.#received.indexOf(headEnd);
    if (end < 0) return;
    const head = this.#received.toString('latin1', 0, end);
    const length = bodyLength(head);
    if (length === undefined) {
      this.#fail(new Error(`a response without Content-Length: ${head.slice(0, 200)}`));
      this.close();
      return;
    }
    const total = end + headEnd.length + length;
    if (this.#received.length < total) return;
    this.#received = this.#received.subarray(total);
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.resolve(Number(head.slice(9, 12)));
  }

  #fail(error: Error): void {
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.reject(error);
  }
}

function bodyLength(head: string): number | undefined {
  const found = /\r\ncontent-length: *(\d+)/i.exec(head);
  return found === null ? undefined : Number(found[1]);
}
