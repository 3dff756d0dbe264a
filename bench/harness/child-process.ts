import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** What a child sends back, once. */
export type Envelope<Reply> =
  | { readonly ok: true; readonly reply: Reply }
  | { readonly ok: false; readonly error: string };

export interface Child<Reply> {
  readonly reply: Reply;
  /** Asks the child to close what it holds and waits until it has ended. */
  stop(): Promise<void>;
}

const stopDeadlineMs = 15_000;

/**
 * Starts `entry` in a process of its own, sends it `request` and waits for its one reply. The child lives on until
 * `stop`. Throws when it fails, ends without a reply, or takes longer than `timeoutMs`; it has then ended.
 */
export async function startChild<Request extends object, Reply>(
  entry: URL,
  request: Request,
  timeoutMs: number,
): Promise<Child<Reply>> {
  const child = fork(entry, {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
    env: { ...process.env, NODE_ENV: 'production' },
    serialization: 'advanced',
  });
  const ended = once(child, 'exit');
  try {
    child.send(request);
    const envelope = await receive<Reply>(child, timeoutMs);
    if (!envelope.ok) throw new Error(envelope.error);
    return { reply: envelope.reply, stop: () => stop(child, ended) };
  } catch (error) {
    await stop(child, ended);
    throw error;
  }
}

/** As `startChild`, for a child whose reply is all that is wanted of it. */
export async function askChild<Request extends object, Reply>(
  entry: URL,
  request: Request,
  timeoutMs: number,
): Promise<Reply> {
  const child = await startChild<Request, Reply>(entry, request, timeoutMs);
  await child.stop();
  return child.reply;
}

function receive<Reply>(child: ChildProcess, timeoutMs: number): Promise<Envelope<Reply>> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`no result after ${timeoutMs / 1000} s`));
    }, timeoutMs);
    const settle = (act: () => void) => {
      clearTimeout(timer);
      act();
    };
    child.once('message', message => settle(() => resolve(message as Envelope<Reply>)));
    child.once('error', error => settle(() => reject(error)));
    child.once('exit', (code, signal) => {
      settle(() => reject(new Error(`the process ended without a result: ${signal ?? `exit code ${code}`}`)));
    });
  });
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (child.connected) child.disconnect();
  const timer = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs);
  await ended;
  clearTimeout(timer);
}
