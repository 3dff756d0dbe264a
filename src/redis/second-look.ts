import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { RedisTarget } from '../config/index.ts';

/**
 * Whether TLS is why a server that accepted our connection did not greet us: it speaks TLS and we did not, the other way
 * round, or it wants a certificate of ours. Tries it, without any secret; undefined when that tells nothing either.
 * Never rejects; takes `ms` milliseconds at most, and ends at once with `signal`.
 */
export async function lookForTls(
  target: RedisTarget,
  ms: number,
  signal: AbortSignal,
): Promise<Error | undefined> {
  const place = target.path
    ? { path: target.path }
    : { host: target.host ?? '127.0.0.1', port: target.port ?? 6379 };
  if (!target.tls) {
    const socket = connectTls({ ...place, rejectUnauthorized: false });
    const secure = await told<boolean>(socket, ms, signal, tell => {
      socket.once('secureConnect', () => tell(true));
      // A refusal in the language of TLS: of our lacking a certificate, say.
      socket.once('error', error => tell(isAlert(error)));
    });
    return secure ? coded('ERR_TLS_EXPECTED', 'the server speaks TLS') : undefined;
  }
  const plain = connectPlain(place);
  plain.write('PING\r\n');
  const answered = await told<boolean>(plain, ms / 2, signal, tell => {
    plain.once('data', data => tell(/^[+-]/.test(data.toString('latin1'))));
  });
  if (answered) return coded('ERR_SSL_WRONG_VERSION_NUMBER', 'the server speaks plain Redis');
  // With TLS 1.3 a lacking certificate is refused after the handshake, which whoever writes at once does not get to read.
  const secure = connectTls({ ...place, ...target.tls });
  return told<Error>(secure, ms / 2, signal, tell => {
    secure.once('error', error => tell(isAlert(error) ? error : undefined));
  });
}

function told<T>(
  socket: Socket,
  ms: number,
  signal: AbortSignal,
  listen: (tell: (answer?: T) => void) => void,
): Promise<T | undefined> {
  return new Promise(resolve => {
    const tell = (answer?: T) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', nothing);
      socket.destroy();
      resolve(answer);
    };
    const nothing = () => tell();
    const timer = setTimeout(nothing, ms);
    signal.addEventListener('abort', nothing);
    listen(tell);
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
