import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { RedisTarget } from '../config/index.ts';

/**
 * Why a server that accepted our connection did not greet us: it speaks TLS and we did not, or the other way round; it
 * wants a certificate of ours; it refused us (maxclients, protected mode) and closed, and that reply was lost because
 * we had written by then. Tries these at once, without any secret; undefined when nothing is found.
 * Never rejects; takes `ms` milliseconds at most, and ends at once with `signal`.
 */
export async function lookAgain(
  target: RedisTarget,
  ms: number,
  signal: AbortSignal,
): Promise<Error | undefined> {
  const place = target.path
    ? { path: target.path }
    : { host: target.host ?? '127.0.0.1', port: target.port ?? 6379 };
  const enough = new AbortController();
  const bound = AbortSignal.any([signal, enough.signal]);
  const looks = target.tls
    ? [ping(connectPlain(place), ms, bound), listen(connectTls({ ...place, ...target.tls }), ms, bound)]
    : [
        listen(connectPlain(place), ms, bound),
        greet(connectTls({ ...place, rejectUnauthorized: false }), ms, bound),
      ];
  const found = looks.map(async look => (await look) ?? Promise.reject(new Error('nothing found')));
  const first = await Promise.any(found).catch(() => undefined);
  enough.abort();
  return first;
}

/** Speaks Redis to a port we took for one with TLS. */
function ping(socket: Socket, ms: number, signal: AbortSignal): Promise<Error | undefined> {
  socket.write('PING\r\n');
  return told(socket, ms, signal, tell => {
    socket.once('data', data => {
      const redis = /^[+-]/.test(data.toString('latin1'));
      tell(redis ? coded('ERR_SSL_WRONG_VERSION_NUMBER', 'the server speaks plain Redis') : undefined);
    });
  });
}

/** Speaks TLS to a port we took for one without; nothing is sent over it. */
function greet(socket: Socket, ms: number, signal: AbortSignal): Promise<Error | undefined> {
  const expected = coded('ERR_TLS_EXPECTED', 'the server speaks TLS');
  return told(socket, ms, signal, tell => {
    socket.once('secureConnect', () => tell(expected));
    socket.once('error', error => tell(isAlert(error) ? expected : undefined));
  });
}

/** Says nothing: whoever writes at once may not get to read why it is refused. */
function listen(socket: Socket, ms: number, signal: AbortSignal): Promise<Error | undefined> {
  return told(socket, ms, signal, tell => {
    socket.once('data', data => {
      const reply = /^-([^\r\n]{1,500})/.exec(data.toString('utf8'))?.[1];
      tell(reply === undefined ? undefined : new Error(reply));
    });
    socket.once('error', error => tell(isAlert(error) ? error : undefined));
  });
}

function told(
  socket: Socket,
  ms: number,
  signal: AbortSignal,
  watch: (tell: (answer?: Error) => void) => void,
): Promise<Error | undefined> {
  return new Promise(resolve => {
    const tell = (answer?: Error) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', nothing);
      socket.destroy();
      resolve(answer);
    };
    const nothing = () => tell();
    const timer = setTimeout(nothing, ms);
    signal.addEventListener('abort', nothing);
    watch(tell);
    socket.on('error', nothing);
    socket.on('close', nothing);
    if (signal.aborted) nothing();
  });
}

function isAlert(error: NodeJS.ErrnoException): boolean {
  return /^ERR_SSL_.*ALERT/.test(error.code ?? '');
}

function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
