import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ScriptProcess } from '../faults/index.ts';
import { startRedis } from '../servers/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { change, member, open } from './member.ts';

interface Told {
  breaker?: string;
  made?: string;
  mode: string;
  by?: string;
  reason?: string;
}

const file = () => ({ sqlite: { file: join(tempDir('overrides'), 'jobs.db') } });

const answer = async () => 'answer';
const becomes = (child: ScriptProcess, mode: string) =>
  child.message<Told>(said => said.breaker === 'mail' && said.mode === mode);
const eventually = <T>(check: () => T) => vi.waitFor(check, { timeout: 20_000, interval: 20 });

describe('a mode set by hand', () => {
  it('holds in every process of the machine that has the breaker, with who and why', async () => {
    const options = file();
    const { spillway, lines } = open(options);
    const breaker = spillway.breaker('mail', answer);
    const [one, other] = await Promise.all([member(options), member(options, { breakers: ['other'] })]);

    await spillway.breakers.setMode('mail', 'forced-open', change);
    expect(await becomes(one, 'forced-open')).toEqual({ breaker: 'mail', mode: 'forced-open', ...change });
    await expect(breaker.fire()).rejects.toMatchObject({ code: 'SPILLWAY_BREAKER_OPEN' });
    expect(breaker.stats.override).toEqual({
      ...{ mode: 'forced-open', ...change, shared: true },
      setAt: expect.any(Number),
    });

    // And back, from the other side, by the breaker itself.
    one.send({ set: ['mail', 'automatic', { by: 'bob', reason: 'paid' }] });
    await eventually(() => expect(breaker.mode).toBe('automatic'));
    expect(await breaker.fire()).toBe('answer');
    expect(breaker.stats).not.toHaveProperty('override');
    expect(lines.map(({ message }) => message)).toContain(
      'Breaker mail is automatic, was forced-open (by bob: paid)',
    );

    await breaker.setMode('metrics-only', change);
    await becomes(one, 'metrics-only');
    await breaker.setMode(null);
    await one.message<Told>(({ breaker: name, mode, by }) => name === 'mail' && mode === 'automatic' && !by);
    expect(breaker.stats).not.toHaveProperty('override');
    expect(other.messages).toEqual([{ made: 'other', mode: 'automatic' }, 'ready']);
  });

  it('outlives the process that set it, killed in the next moment; one that starts has it from its first call on', async () => {
    const options = file();
    const { spillway } = open(options);
    const breaker = spillway.breaker('mail', answer);
    const setter = await member(options);
    setter.send({ set: ['mail', 'forced-open', change] });
    await setter.message<{ kept?: string }>(({ kept }) => kept === 'forced-open');
    process.kill(setter.pid, 'SIGKILL');
    await setter.exited;
    await eventually(() => expect(breaker.mode).toBe('forced-open'));
    await spillway.close();

    const next = await member(options);
    expect(next.messages).toContainEqual({ made: 'mail', mode: 'forced-open' });
    const again = open(options);
    await expect(again.spillway.breaker('mail', answer).fire()).rejects.toMatchObject({
      code: 'SPILLWAY_BREAKER_OPEN',
    });
    expect(again.lines.at(-1)?.message).toBe(
      'Breaker mail is forced-open, set by hand (by ada: bill unpaid)',
    );
  });

  it('is taken up by a breaker that is made later', async () => {
    const options = file();
    const { spillway } = open(options);
    spillway.breaker('mail', answer);
    const child = await member(options, { breakers: ['other'] });
    await spillway.breakers.setMode('mail', 'disabled', change);
    child.send({ make: 'mail' });
    expect(await child.message<Told>(({ made }) => made === 'mail')).toEqual({
      made: 'mail',
      mode: 'disabled',
    });
    // Also here, when it is made anew.
    spillway.breakers.get('mail').shutdown();
    expect(spillway.breaker('mail', answer).mode).toBe('disabled');
  });

  it('reaches the others while Redis hangs', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const options = { ...file(), redis: redis.url };
    const { spillway } = open(options);
    spillway.breaker('mail', answer);
    await spillway.queue('jobs').waitUntilReady();
    const child = await member(options);
    redis.pause();
    await spillway.breakers.setMode('mail', 'forced-open', change);
    await becomes(child, 'forced-open');
    await spillway.breakers.setMode('mail', 'automatic', change);
    await becomes(child, 'automatic');
    redis.resume();
  });

  it('automatic holds as well where the program says another, also over a restart', async () => {
    const options = file();
    const first = open(options).spillway;
    const shadow = { mode: 'metrics-only' } as const;
    expect(first.breaker('mail', answer, shadow).mode).toBe('metrics-only');
    await first.breakers.setMode('mail', 'automatic', change);
    await first.close();
    const { spillway } = open(options);
    const breaker = spillway.breaker('mail', answer, shadow);
    expect([breaker.mode, breaker.override?.by]).toEqual(['automatic', 'ada']);
    await breaker.setMode(null);
    expect(breaker.mode).toBe('metrics-only');
  });

  it('ends by itself when its time is over, in all processes, to what the program says', async () => {
    const options = file();
    const { spillway, lines } = open(options);
    const breaker = spillway.breaker('mail', answer, { mode: 'metrics-only' });
    const child = await member(options);
    await spillway.breakers.setMode('mail', 'forced-open', { ...change, expiresIn: '1s' });
    const { setAt, expiresAt = 0 } = breaker.stats.override ?? { setAt: Number.NaN };
    expect(expiresAt).toBeGreaterThan(setAt);
    expect(lines.at(-1)?.message).toBe(
      `Breaker mail is forced-open, was metrics-only, until ${new Date(expiresAt).toISOString()} (by ada: bill unpaid)`,
    );
    await becomes(child, 'forced-open');
    expect(await becomes(child, 'automatic')).toEqual({
      ...{ breaker: 'mail', mode: 'automatic', reason: 'its time is over' },
    });
    await eventually(() => expect(breaker.mode).toBe('metrics-only'));
    expect(breaker.stats).not.toHaveProperty('override');
    expect(open(options).spillway.breaker('mail', answer).mode).toBe('automatic');
  });

  it('over HTTP reaches the other processes', async () => {
    const options = file();
    const web = await member(options, { routes: true });
    const { url } = await web.message<{ url: string }>(said => said.url !== undefined);
    const worker = await member(options);
    const post = (body: object) =>
      fetch(`${url}/api/breakers/mail/mode`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const response = await post({ mode: 'forced-open', ...change, expiresIn: '10m' });
    expect([response.status, await response.json()]).toEqual([
      200,
      expect.objectContaining({
        mode: 'forced-open',
        override: expect.objectContaining({ ...change, shared: true, expiresAt: expect.any(Number) }),
      }),
    ]);
    await becomes(worker, 'forced-open');
    expect((await post({ mode: 'automatic' })).status).toBe(200);
    await becomes(worker, 'automatic');
  });
});
