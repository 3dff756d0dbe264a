import type { Envelope } from './child-process.ts';

export interface Served<Reply> {
  readonly reply: Reply;
  /** Run when the parent lets go, or has died. */
  stop?(): Promise<void>;
}

/** The child's side of `startChild`: answers the parent's one request, then ends when the parent disconnects. */
export function serveParent<Request, Reply>(handle: (request: Request) => Promise<Served<Reply>>): void {
  let stop: (() => Promise<void>) | undefined;
  process.once('message', async message => {
    try {
      const served = await handle(message as Request);
      stop = served.stop;
      send({ ok: true, reply: served.reply });
    } catch (error) {
      send({ ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.once('disconnect', async () => {
    await stop?.();
    process.exit();
  });

  function send(envelope: Envelope<Reply>): void {
    if (process.connected) process.send?.(envelope);
  }
}
