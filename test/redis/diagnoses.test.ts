import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer as createWebServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { serverWarnings } from '../../src/redis/index.ts';
import { ownNetwork, spawnScript } from '../faults/index.ts';
import { freePort } from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { admin, afterTest, classOf, diagnose, failure, probeOf, redisServer, watchTests } from './probing.ts';

watchTests();

const password = 'spillway-secret-right';
const wrong = 'spillway-secret-wrong';

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterTest(() => new Promise(resolve => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

/** A server of another kind: it does `greet` to each connection. */
function otherServer(greet: (socket: Socket) => void): Promise<number> {
  return listening(
    createServer(socket => {
      socket.on('error', () => {});
      greet(socket);
      afterTest(() => socket.destroy());
    }),
  );
}

describe('the way there', () => {
  it('nobody listens', async () => {
    const port = await freePort();
    expect(await diagnose({ host: '127.0.0.1', port, password })).toEqual(
      failure('refused', `Nobody listens at 127.0.0.1:${port}`, 'Start Redis'),
    );
    const path = join(tempDir('socket'), 'redis.sock');
    expect(await diagnose({ path })).toEqual(failure('refused', path, 'Start Redis'));
  });

  it('the host is unknown', async () => {
    expect(await diagnose({ host: 'redis.invalid', password }, { deadlineMs: 20_000 })).toEqual(
      failure('unknown-host', 'redis.invalid:6379', 'host name'),
    );
  });

  it('a web server', async () => {
    const server = createWebServer((_, response) => response.end('hello'));
    afterTest(() => server.closeAllConnections());
    expect(await diagnose({ port: await listening(server), password })).toEqual(
      failure('not-redis', 'A web server answers', 'Correct the port'),
    );
  });

  it('a server that greets in another language', async () => {
    const port = await otherServer(socket => socket.write('220 mail.example ESMTP\r\n'));
    expect(await diagnose({ port, password })).toEqual(
      failure('not-redis', 'is not Redis', 'Correct the port'),
    );
  });

  it('a server that says nothing', async () => {
    const port = await otherServer(() => {});
    expect(await diagnose({ port, password }, { deadlineMs: 300 })).toEqual(
      failure('timeout', 'says nothing', 'belongs to another program'),
    );
  });

  it('a server that closes at once', async () => {
    const port = await otherServer(socket => socket.end());
    expect(await diagnose({ port, password })).toEqual(
      failure('connection', 'closed the connection before it answered', 'rediss://'),
    );
  });
});

describe('being let in', () => {
  it('the password is wrong, or lacking', async () => {
    const { port } = await redisServer('--requirepass', password);
    expect(classOf(await diagnose({ port, password }))).toBe('ok');
    expect(await diagnose({ port })).toEqual(failure('noauth', 'none was given', 'REDIS_PASSWORD'));
    const refused = failure('wrongpass', 'refuses the user or the password', 'percent-encoded');
    expect(await diagnose({ port, password: wrong })).toEqual(refused);
    expect(await diagnose({ port, password: wrong, protocol: 2 })).toEqual(refused);
    expect(await diagnose({ port, username: 'nobody', password })).toEqual(refused);
  });

  it('an ACL user who is off, without rights, and with those the remedy gives', async () => {
    const server = await redisServer();
    const client = admin(server);
    const app = { port: server.port, username: 'app', password };
    await client.acl('SETUSER', 'app', 'off', `>${password}`);
    expect(classOf(await diagnose(app))).toBe('wrongpass');
    await client.acl('SETUSER', 'app', 'on');
    const forbidden = failure('noperm', 'may not run a command', 'ACL SETUSER');
    expect(await diagnose(app)).toEqual(forbidden);
    const { remedy } = (await diagnose(app)) as { remedy: string };
    const rights = /<user> (.*?),/.exec(remedy)?.[1]?.replace('<prefix>', 'bull').split(' ') ?? [];
    await client.acl('SETUSER', 'app', ...rights);
    expect(await diagnose(app)).toMatchObject({ ok: true, role: 'master' });
    // Rights, but not on these keys.
    expect(await diagnose(app, { prefix: 'other' })).toEqual(forbidden);
  });

  it('no connection is left', async () => {
    const server = await redisServer('--maxclients', '1');
    await admin(server).ping();
    expect(await diagnose({ port: server.port, password })).toEqual(
      failure('maxclients', 'no connection left', 'CLIENT LIST'),
    );
  });

  it('it has no database of this number', async () => {
    const server = await redisServer('--databases', '4');
    expect(await diagnose({ port: server.port, db: 4, password })).toEqual(
      failure('no-database', 'has no database of this number', 'Correct the number'),
    );
  });

  it('protected mode', async () => {
    const expected = failure('protected-mode', 'is in protected mode', 'Give Redis a password');
    const address = '10.77.0.1';
    const network = ownNetwork(address);
    if (network.possible) {
      const script = join(import.meta.dirname, 'fixtures/protected-mode.ts');
      await using child = await spawnScript(script, [address], { runner: network });
      expect(await child.message()).toEqual(expected);
      await child.exited;
      return;
    }
    // Without a network of its own, redis-server's words from another server: it says them and closes.
    const port = await otherServer(socket =>
      socket.end('-DENIED Redis is running in protected mode because …\r\n'),
    );
    expect(await diagnose({ port })).toEqual(expected);
  });
});

describe('able to write or not', () => {
  it('full, without replicas, a replica', async () => {
    const server = await redisServer();
    const target = { port: server.port };
    const client = admin(server);
    await client.config('SET', 'maxmemory', '1');
    expect(await diagnose(target)).toEqual(failure('oom', 'maxmemory', 'removeOnComplete'));
    await client.config('SET', 'maxmemory', '0');
    await client.config('SET', 'min-replicas-to-write', '1');
    expect(await diagnose(target)).toEqual(
      failure('noreplicas', 'too few replicas', 'min-replicas-to-write'),
    );
    await client.config('SET', 'min-replicas-to-write', '0');
    await client.replicaof('127.0.0.1', 1);
    expect(await diagnose(target)).toEqual(failure('readonly', 'is a replica', 'address of the master'));
    await client.config('SET', 'replica-serve-stale-data', 'no');
    expect(['readonly', 'masterdown']).toContain(classOf(await diagnose(target)));
  });

  it('cannot save', async () => {
    const dir = join(tempDir('data'), 'gone');
    mkdirSync(dir);
    const server = await redisServer(
      '--dir',
      dir,
      '--save',
      '3600',
      '1',
      '--enable-protected-configs',
      'local',
    );
    const client = admin(server);
    const probe = probeOf({ port: server.port });
    expect(classOf(await probe.check())).toBe('ok');
    rmSync(dir, { recursive: true });
    await client.bgsave();
    await vi.waitFor(async () => expect(classOf(await probe.check())).toBe('misconf'), 10_000);
    expect(await probe.check()).toEqual(failure('misconf', 'cannot save', 'disk'));
    await client.config('SET', 'dir', tempDir('data'));
    await client.bgsave();
    await vi.waitFor(async () => expect(classOf(await probe.check())).toBe('ok'), 10_000);
  });

  it('busy with a script', async () => {
    const server = await redisServer('--busy-reply-threshold', '20');
    const endless = admin(server)
      .eval('while true do end', 0)
      .catch(() => {});
    const probe = probeOf({ port: server.port });
    await vi.waitFor(async () => expect(classOf(await probe.check())).toBe('busy'), 10_000);
    expect(await probe.check()).toEqual(failure('busy', 'busy with a script', 'SCRIPT KILL'));
    // Also where a database has to be selected first: SELECT is refused, and 0 is not the one that was meant.
    expect(classOf(await diagnose({ port: server.port, db: 3 }))).toBe('busy');
    await probe.run(client => client.script('KILL'));
    await endless;
    expect(classOf(await probe.check())).toBe('ok');
  });

  it('still loading', async () => {
    // A pause after each key, and an ear for clients after each KiB.
    const slow = ['--loading-process-events-interval-bytes', '1024', '--key-load-delay', '20000'];
    const server = await redisServer('--enable-debug-command', 'local', '--rdbcompression', 'no', ...slow);
    const client = admin(server);
    const filling = client.pipeline();
    for (let key = 0; key < 300; key++) filling.set(`key:${key}`, 'x'.repeat(2_000));
    await filling.exec();
    const reloaded = client.call('DEBUG', 'RELOAD');
    const probe = probeOf({ port: server.port });
    await vi.waitFor(async () => expect(classOf(await probe.check())).toBe('loading'), 10_000);
    expect(await probe.check()).toEqual(failure('loading', 'is loading its data', 'Nothing to do'));
    await probe.run(each => each.config('SET', 'key-load-delay', '0'));
    await reloaded;
    expect(classOf(await probe.check())).toBe('ok');
  });

  it('works, but throws keys away', async () => {
    const server = await redisServer('--maxmemory-policy', 'allkeys-lru');
    const target = { port: server.port, password };
    const result = await diagnose({ port: server.port });
    if (!result.ok) throw new Error(result.message);
    expect(serverWarnings(result, target)).toEqual([
      { message: expect.stringContaining('allkeys-lru'), remedy: expect.stringContaining('noeviction') },
    ]);
    await admin(server).config('SET', 'maxmemory-policy', 'noeviction');
    const mended = await diagnose({ port: server.port });
    expect(mended.ok && serverWarnings(mended, target)).toEqual([]);
  });
});
