import type { RedisOptions } from 'ioredis';
import { beforeAll, describe, expect, it } from 'vitest';
import { Authority, freePort, tlsArguments } from '../servers/index.ts';
import { classOf, diagnose, failure, redisServer, watchTests } from './probing.ts';

watchTests();

const password = 'spillway-secret-tls';
let authority: Authority;
beforeAll(() => {
  authority = new Authority();
});

/** A Redis with a plain port and one with TLS, which is `port`. */
async function tlsServer(names: string[], days = 2, clientCertificates: 'yes' | 'no' = 'no') {
  const port = await freePort();
  const certificate = authority.issue(names, days);
  const server = await redisServer(
    ...tlsArguments(authority, certificate, port, clientCertificates),
    ...['--requirepass', password],
  );
  return { plainPort: server.port, port };
}

const over = (port: number, tls: RedisOptions['tls'], host = 'localhost'): RedisOptions => ({
  host,
  port,
  password,
  ...(tls === undefined ? {} : { tls }),
});

describe('TLS', () => {
  it('connects where the certificate fits, by name and by address', async () => {
    const { port } = await tlsServer(['DNS:localhost', 'IP:127.0.0.1']);
    const tls = { ca: authority.ca };
    expect(await diagnose(over(port, tls))).toMatchObject({ ok: true, role: 'master' });
    expect(await diagnose(over(port, tls, '127.0.0.1'))).toMatchObject({ ok: true });
  });

  it('tells a certificate that is not trusted, of another name, or of another time', async () => {
    const { port } = await tlsServer(['DNS:redis.example']);
    expect(await diagnose(over(port, {}))).toEqual(failure('tls', 'signed by nobody', 'tls.ca'));
    const tls = { ca: authority.ca };
    expect(await diagnose(over(port, tls))).toEqual(failure('tls', 'another host name', 'tls.servername'));
    const named = { ...tls, servername: 'redis.example' };
    expect(await diagnose(over(port, named))).toMatchObject({ ok: true });
    const old = await tlsServer(['DNS:localhost'], -1);
    expect(await diagnose(over(old.port, tls))).toEqual(failure('tls', 'has expired', 'Renew'));
  });

  it('tells TLS on a plain port from plain on a TLS port', async () => {
    const { port, plainPort } = await tlsServer(['DNS:localhost']);
    expect(await diagnose(over(plainPort, { ca: authority.ca }), { deadlineMs: 2_000 })).toEqual(
      failure('tls', 'does not speak TLS on this port', 'redis:// in place of rediss://'),
    );
    const expectsTls = failure('tls', 'expects TLS', 'rediss:// in place of redis://');
    expect(await diagnose(over(port, undefined))).toEqual(expectsTls);
    const cluster = [{ host: 'localhost', port }];
    expect(await diagnose({ cluster, password }, { prefix: '{bull}' })).toEqual(expectsTls);
  });

  it('tells that a certificate of the client is wanted, and sends it', async () => {
    const { port } = await tlsServer(['DNS:localhost'], 2, 'yes');
    const tls = { ca: authority.ca };
    const wanted = failure('tls', 'asks for a certificate of the client', 'tls.cert');
    expect(await diagnose(over(port, tls))).toEqual(wanted);
    expect(await diagnose(over(port, undefined))).toEqual(failure('tls', 'expects TLS', 'rediss://'));
    const { cert, key } = authority.issue(['DNS:client']);
    expect(await diagnose(over(port, { ...tls, cert, key }))).toMatchObject({ ok: true });
    const stranger = new Authority().issue(['DNS:client']);
    const refused = await diagnose(over(port, { ...tls, cert: stranger.cert, key: stranger.key }));
    expect(refused).toEqual(wanted);
  });

  it('tells versions that have nothing in common', async () => {
    const { port } = await tlsServer(['DNS:localhost']);
    const old = { ca: authority.ca, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' } as const;
    expect(await diagnose(over(port, old))).toEqual(failure('tls', 'could not be agreed on', 'versions'));
  });

  it('says the wrong password over TLS as without', async () => {
    const { port } = await tlsServer(['DNS:localhost']);
    const target = { ...over(port, { ca: authority.ca }), password: 'spillway-secret-wrong' };
    expect(classOf(await diagnose(target))).toBe('wrongpass');
  });
});
