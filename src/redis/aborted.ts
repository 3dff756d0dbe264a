/** What is used here of ioredis's transactions. */
interface Transaction {
  exec(...args: unknown[]): Promise<[Error | null, unknown][] | null>;
  /** Not public; without it nothing is forgotten. */
  _queue?: { reject?(error: Error): void }[];
}

/** An open ioredis client, or what BullMQ wraps around one. */
interface Client {
  multi(...args: unknown[]): unknown;
}

/**
 * Makes a client send its scripts whole again after a transaction that the server discarded. ioredis takes a script it has
 * sent for one that the server has; in a discarded transaction it never ran. All later transactions would then fail with
 * NOSCRIPT, on this connection, for ever: outside of one ioredis is told so, and sends it again.
 */
export function forgetAbortedScripts(client: Client): void {
  const multi = client.multi.bind(client);
  client.multi = (...args) => {
    const transaction = multi(...args) as Transaction;
    const exec = transaction.exec.bind(transaction);
    transaction.exec = async (...given) => {
      const { _queue: commands = [] } = transaction;
      try {
        const replies = await exec(...given);
        const missing = replies?.find(([error]) => error?.message.startsWith('NOSCRIPT'))?.[0];
        if (missing) forget(commands, missing);
        return replies;
      } catch (error) {
        forget(commands, new Error('NOSCRIPT: the transaction was discarded'));
        throw error;
      }
    };
    return transaction;
  };
}

/** The commands are answered, so that this tells nobody but what remembers which scripts the server has. */
function forget(commands: readonly { reject?(error: Error): void }[], missing: Error): void {
  for (const command of commands) command.reject?.(missing);
}
