import { ConnectionClosedError } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, type RedisServer, startRedis } from '../../test/servers/index.ts';
import { classifyFailure, type FailureClass, isAvailabilityFailure, wasNotApplied } from './index.ts';

const coded = (code: string, message = code, more = {}) =>
  Object.assign(new Error(message), { code, ...more });
const because = (message: string, cause: unknown) => new Error(message, { cause });

describe('classifyFailure', () => {
  it.each<[FailureClass, boolean, unknown]>([
    ['refused', true, coded('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1', { syscall: 'connect' })],
    ['loading', true, coded('57P03', 'the database system is starting up')],
    ['connection', false, coded('57P01', 'terminating connection due to administrator command')],
    ['connection', false, new Error('Connection terminated unexpectedly')],
    ['refused', true, coded('ENOENT', 'connect ENOENT /tmp/no.sock')],
    ['unknown-host', true, coded('ENOTFOUND')],
    ['unknown-host', true, coded('EAI_AGAIN')],
    ['unreachable', true, coded('EHOSTUNREACH')],
    ['timeout', true, coded('ETIMEDOUT', 'connect ETIMEDOUT', { syscall: 'connect' })],
    ['timeout', false, coded('ETIMEDOUT', 'read ETIMEDOUT', { syscall: 'read' })],
    ['timeout', false, new Error('Command timed out')],
    ['timeout', false, new Error("Socket timeout. Expecting data, but didn't receive any in 5ms.")],
    ['connection', false, coded('ECONNRESET')],
    ['connection', false, coded('EPIPE')],
    ['connection', false, new Error('Connection is closed.')],
    ['connection', false, new ConnectionClosedError()],
    ['connection', false, new Error('Command aborted due to connection close')],
    ['connection', false, new Error('Reached the max retries per request limit (which is 3). Refer to …')],
    ['connection', true, new Error("Stream isn't writeable and enableOfflineQueue options is false")],
    ['connection', true, new Error("Cluster isn't ready and enableOfflineQueue options is false")],
    ['connection', true, new Error('None of startup nodes is available')],
    ['tls', true, coded('DEPTH_ZERO_SELF_SIGNED_CERT')],
    ['tls', true, coded('ERR_TLS_CERT_ALTNAME_INVALID')],
    ['tls', true, coded('ERR_SSL_WRONG_VERSION_NUMBER')],
    ['not-redis', false, new Error('Unknown RESP type 72 "H". Please report this.')],
    ['sentinel', false, new Error('All sentinels are unreachable and retry is disabled.')],
    ['sentinel', true, new Error("ERR unknown command 'evalsha', with args beginning with: ")],
    ['protected-mode', true, new Error('DENIED Redis is running in protected mode because …')],
    ['wrongpass', true, new Error('ERR invalid password')],
    ['noauth', true, new Error('NOAUTH Authentication required.')],
    ['noperm', true, new Error("NOPERM this user has no permissions to run the 'xadd' command")],
    // The script may have written before it came to the command that is forbidden.
    [
      'noperm',
      false,
      new Error("ERR The user executing the script can't run this command or subcommand script: 2"),
    ],
    ['maxclients', true, new Error('ERR max number of clients reached')],
    ['no-database', true, new Error('ERR DB index is out of range')],
    ['no-database', true, new Error('ERR invalid DB index')],
    ['moved', true, new Error('ERR SELECT is not allowed in cluster mode')],
    ['oom', true, new Error("-OOM command not allowed when used memory > 'maxmemory'.")],
    [
      'oom',
      true,
      new Error(
        "ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -OOM command not allowed when used memory > 'maxmemory'. ",
      ),
    ],
    ['misconf', true, new Error('MISCONF Redis is configured to save RDB snapshots, …')],
    ['busy', true, new Error('ERR Script killed by user with SCRIPT KILL... script: 6, on @user_script:1.')],
    ['readonly', true, new Error('UNBLOCKED force unblock from blocking operation, instance state changed')],
    [
      'masterdown',
      true,
      new Error("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
    ],
    ['moved', true, new Error('MOVED 1 10.0.0.1:6379')],
    ['moved', true, new Error("CROSSSLOT Keys in request don't hash to the same slot")],
    ['clusterdown', true, new Error('CLUSTERDOWN The cluster is down')],
    ['clusterdown', false, new Error('Too many Cluster redirections. Last error: ReplyError: CLUSTERDOWN')],
    ['not-cluster', true, new Error('ERR This instance has cluster support disabled')],
    ['other', false, new Error('WRONGTYPE Operation against a key holding the wrong kind of value')],
    ['other', false, new Error('BUSYGROUP Consumer Group name already exists')],
    [
      'other',
      false,
      new Error('ERR user_script:1: Expected value but found invalid token OOM at character 1'),
    ],
    ['other', false, new Error('Missing lock for job 1. moveToFinished')],
    ['other', false, new Error('READONLY_TOKEN is not set')],
    ['other', false, undefined],
    ['other', false, 'OOM'],
  ])('%s, certainly not applied: %s, of %s', (expected, notApplied, error) => {
    expect(classifyFailure(error)).toBe(expected);
    expect(wasNotApplied(error)).toBe(notApplied);
    expect(isAvailabilityFailure(classifyFailure(error))).toBe(expected !== 'other');
  });

  it('looks behind errors that say little', () => {
    const refused = coded('ECONNREFUSED');
    expect(classifyFailure(because('Connection is closed.', refused))).toBe('refused');
    expect(classifyFailure(because('x', because('y', new Error('OOM command not allowed'))))).toBe('oom');
    const nodes = Object.assign(new Error('Failed to refresh slots cache.'), { lastNodeError: refused });
    expect(classifyFailure(nodes)).toBe('refused');
    // localhost: ::1 refuses, 127.0.0.1 is the one that was meant.
    const both = Object.assign(new AggregateError([refused, coded('ETIMEDOUT')]), { code: 'ECONNREFUSED' });
    expect(classifyFailure(both)).toBe('timeout');
    const circle = new Error('Connection is closed.');
    circle.cause = circle;
    expect(classifyFailure(circle)).toBe('connection');
  });

  it('does not take what is behind a lost connection for what became of the command', () => {
    expect(wasNotApplied(because('Connection is closed.', coded('ECONNREFUSED')))).toBe(false);
    expect(wasNotApplied(because('Connection is closed.', new Error('LOADING Redis is loading')))).toBe(
      false,
    );
  });
});

describe('what redis-server and ioredis really say', () => {
  let server: RedisServer;
  let client: Redis;
  beforeAll(async () => {
    server = await startRedis({ args: ['--busy-reply-threshold', '50'] });
    client = new Redis(server.url);
  });
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });
  const errorOf = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );
  const script = "redis.call('set', KEYS[1], 1)";

  it.each<[FailureClass, string[], string[]]>([
    ['oom', ['maxmemory', '1'], ['maxmemory', '0']],
    ['noreplicas', ['min-replicas-to-write', '1'], ['min-replicas-to-write', '0']],
  ])('%s: a command, a script, a transaction', async (expected, on, off) => {
    await client.config('SET', on[0] as string, on[1] as string);
    const errors = [
      await errorOf(client.set('k', 1)),
      await errorOf(client.eval(script, 1, 'k')),
      await errorOf(client.multi().set('k', 1).exec()),
    ];
    await client.config('SET', off[0] as string, off[1] as string);
    expect(errors.map(error => [classifyFailure(error), wasNotApplied(error)])).toEqual(
      errors.map(() => [expected, true]),
    );
    expect(await client.exists('k')).toBe(0);
  });

  it('readonly, masterdown', async () => {
    await client.replicaof('127.0.0.1', 1);
    expect(classifyFailure(await errorOf(client.set('k', 1)))).toBe('readonly');
    expect(classifyFailure(await errorOf(client.eval(script, 1, 'k')))).toBe('readonly');
    await client.config('SET', 'replica-serve-stale-data', 'no');
    expect(classifyFailure(await errorOf(client.get('k')))).toBe('masterdown');
    await client.config('SET', 'replica-serve-stale-data', 'yes');
    await client.replicaof('NO', 'ONE');
  });

  it('busy, also for the script that is killed', async () => {
    const endless = errorOf(client.eval('while true do end', 0));
    const other = new Redis(server.url, { enableReadyCheck: false });
    let seen: unknown;
    while (!seen) seen = await errorOf(other.set('k', 1));
    expect(classifyFailure(seen)).toBe('busy');
    await other.script('KILL');
    expect(classifyFailure(await endless)).toBe('busy');
    other.disconnect();
  });

  it('noperm: at once, and in the middle of a script that has written', async () => {
    await client.acl('SETUSER', 'half', 'on', '>spillway-secret-half', '~*', '+@all', '-xadd');
    const half = new Redis(server.url, { username: 'half', password: 'spillway-secret-half' });
    const direct = await errorOf(half.xadd('s', '*', 'a', '1'));
    expect([classifyFailure(direct), wasNotApplied(direct)]).toEqual(['noperm', true]);
    const inScript = await errorOf(half.eval(`${script} redis.call('xadd', 's', '*', 'a', '1')`, 1, 'half'));
    expect([classifyFailure(inScript), wasNotApplied(inScript)]).toEqual(['noperm', false]);
    expect(await client.exists('half')).toBe(1);
    half.disconnect();
  });

  it('connection: a large transaction that is cut, whose one error ioredis lists in itself once a command', async () => {
    const cut = new Redis(server.url, {
      retryStrategy: () => null,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
    });
    cut.on('error', () => undefined);
    await cut.ping();
    const transaction = cut.multi();
    for (let n = 0; n < 300; n += 1) transaction.set(`cut:${n}`, n);
    const failed = errorOf(transaction.exec());
    cut.stream.destroy();
    const error = await failed;
    expect((error as { previousErrors?: unknown[] }).previousErrors?.length).toBeGreaterThan(299);
    expect([classifyFailure(error), wasNotApplied(error)]).toEqual(['connection', false]);
  });

  it('refused, by every address of localhost', async () => {
    const lost = new Redis({
      host: 'localhost',
      port: await freePort(),
      retryStrategy: () => null,
      lazyConnect: true,
    });
    const told = new Promise(resolve => lost.once('error', resolve));
    await errorOf(lost.connect());
    expect(classifyFailure(await told)).toBe('refused');
  });
});
