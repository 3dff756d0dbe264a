import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import pg from 'pg';
import { expect, it } from 'vitest';
import { withListeners } from './postgres.ts';

/** A message of PostgreSQL's protocol: its letter, its length, what it says. */
function message(letter: string, body: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(4 + Buffer.byteLength(body));
  return Buffer.concat([Buffer.from(letter), length, Buffer.from(body)]);
}

// A real server says both in one piece only by chance.
it('a server that takes its leave with the word that it is ready ends the connection, not the process', async () => {
  const leave = message('E', 'SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0');
  const ready = Buffer.concat([message('R', '\0\0\0\0'), message('Z', 'I')]);
  const server = createServer(socket => socket.once('data', () => socket.end(Buffer.concat([ready, leave]))));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new pg.Client(withListeners(`postgres://postgres@127.0.0.1:${port}/x`) as pg.ClientConfig);
  await client.connect();
  const [error] = await once(client, 'error');
  expect(String(error)).toContain('terminated');
  server.close();
});
