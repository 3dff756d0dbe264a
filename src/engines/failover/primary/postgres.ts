import type { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import type { PostgresConnectionOptions } from 'bullmq';

/**
 * BullMQ's options for PostgreSQL with listeners in two moments in which nobody listens to a connection's errors, so that a
 * server which takes its leave in one of them (57P01) would end the process:
 *
 * - while BullMQ looks at the tables of a connection that the pool has just opened;
 * - when the leave comes in one piece with the word that a connection is ready: BullMQ's own connection for those who wait gets
 *   its listener only after both have been read.
 *
 * A pool of the user's is left as it is.
 */
export function withListeners(postgres: PostgresConnectionOptions | undefined): unknown {
  const listening = { onConnect, stream };
  if (typeof postgres === 'string') return { connectionString: postgres, ...listening };
  return postgres === undefined || 'connect' in postgres ? postgres : { ...listening, ...postgres };
}

/** As pg-pool calls it for each connection of the pool. */
function onConnect(client: EventEmitter): void {
  client.on('error', () => undefined);
}

/**
 * The socket of a connection, as pg asks for it: a function called on pg's Connection, which tells its Client what the server
 * says. What nobody listens to is let go there; that the connection ends after it is told in its own turn.
 */
function stream(this: EventEmitter): Socket {
  const { emit } = this;
  this.emit = (event, ...said) => {
    if (event !== 'errorMessage') return emit.call(this, event, ...said);
    try {
      return emit.call(this, event, ...said);
    } catch (error) {
      if (error !== said[0]) throw error;
      return true;
    }
  };
  return new Socket();
}
