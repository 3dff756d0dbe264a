import { createHook } from 'node:async_hooks';
import { relative } from 'node:path';

/**
 * How long closing handles may take to be gone: the other side of a socket or a child may have its part to do. ioredis waits
 * 2 s for that side before it destroys a socket.
 */
const SETTLE_BOUND_MS = Number(process.env.SPILLWAY_LEAK_BOUND_MS ?? 3000);

/** So long nothing must be open. */
const QUIET_MS = 25;

/**
 * What keeps a process alive or outlives its owner, by the type Node's async hooks give it. `unless unref'd`: an
 * unref'd timer or an idle keep-alive socket is how well-behaved clients wait; an unref'd child, server or watcher
 * is still a leak.
 */
const WATCHED: Record<string, { name: string; alsoUnreffed: boolean }> = {
  PROCESSWRAP: { name: 'child process', alsoUnreffed: true },
  WORKER: { name: 'worker thread', alsoUnreffed: true },
  TCPSERVERWRAP: { name: 'listening server', alsoUnreffed: true },
  PIPESERVERWRAP: { name: 'listening pipe server', alsoUnreffed: true },
  UDPWRAP: { name: 'UDP socket', alsoUnreffed: true },
  FSEVENTWRAP: { name: 'fs.watch', alsoUnreffed: true },
  STATWATCHER: { name: 'fs.watchFile', alsoUnreffed: true },
  TCPWRAP: { name: 'socket', alsoUnreffed: false },
  PIPEWRAP: { name: 'pipe', alsoUnreffed: false },
  Timeout: { name: 'timer', alsoUnreffed: false },
};

/** The parts of Node's handle objects that are read here. */
interface Handle {
  hasRef?(): boolean;
  pid?: number;
  _idleTimeout?: number;
  getsockname?(into: { port?: number }): void;
}
interface Watched {
  type: string;
  handle: Handle;
  madeAt: Error;
}

export interface LeakWatch {
  /**
   * Resolves with a description of each leak, none when all is closed or gets closed within the bound. A leaked
   * child is killed then: a test that timed out never reached its own clean-up.
   */
  settle(): Promise<string[]>;
  stop(): void;
}

/** Watches every handle made from now on. */
export function watchLeaks(): LeakWatch {
  const open = new Map<number, Watched>();
  const hook = createHook({
    init(id, type, _trigger, handle) {
      if (WATCHED[type] === undefined) return;
      const limit = Error.stackTraceLimit;
      Error.stackTraceLimit = 30;
      open.set(id, { type, handle: handle as Handle, madeAt: new Error('made here') });
      Error.stackTraceLimit = limit;
    },
    destroy(id) {
      open.delete(id);
    },
    trackPromises: false,
  }).enable();

  const leaks = () => [...open.values()].filter(isLeak);
  return {
    async settle() {
      const deadline = performance.now() + SETTLE_BOUND_MS;
      let since = performance.now();
      // Turns of the event loop, each with its poll for closing handles. A client that reconnects for ever has now a
      // timer, now a socket, and neither for a moment between.
      while (performance.now() < deadline && performance.now() - since < QUIET_MS) {
        await new Promise(resolve => setImmediate(resolve));
        if (leaks().length > 0) since = performance.now();
      }
      const found = leaks();
      for (const { type, handle } of found) if (type === 'PROCESSWRAP') killChild(handle.pid);
      return found.map(describe);
    },
    stop() {
      hook.disable();
    },
  };
}

function killChild(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function isLeak({ type, handle, madeAt }: Watched): boolean {
  const held = WATCHED[type]?.alsoUnreffed || handle.hasRef?.() !== false;
  return held && !isVitestsOwn(madeAt);
}

/** Vitest's timers for test timeouts, hooks and its own messages: the innermost frame outside Node is Vitest's. */
function isVitestsOwn(madeAt: Error): boolean {
  return /[/\\]node_modules[/\\](@?vitest|@voidzero-dev)[/\\]/.test(framesOf(madeAt)[0] ?? '');
}

function describe({ type, handle, madeAt }: Watched): string {
  const frames = framesOf(madeAt).slice(0, 5);
  const where = frames
    .map(frame => `\n      ${frame.replaceAll(/(file:\/\/)?(\/[^\s():]+)/g, shorten)}`)
    .join('');
  return `${WATCHED[type]?.name}${detail(type, handle)}, made${where || ' inside Node (after a look-up of the address, say)'}`;
}

function detail(type: string, handle: Handle): string {
  if (type === 'PROCESSWRAP') return ` (pid ${handle.pid})`;
  if (type === 'Timeout') return ` (${handle._idleTimeout} ms)`;
  if (type !== 'TCPSERVERWRAP') return '';
  const address: { port?: number } = {};
  handle.getsockname?.(address);
  return ` (port ${address.port})`;
}

function framesOf(madeAt: Error): string[] {
  const lines = (madeAt.stack ?? '').split('\n').map(line => line.trim());
  return lines.filter(
    line => line.startsWith('at ') && !line.includes('node:') && !line.includes('support/leaks.ts'),
  );
}

function shorten(_all: string, _scheme: string, path: string): string {
  const local = relative(process.cwd(), path);
  return local.startsWith('..') ? path : local;
}
