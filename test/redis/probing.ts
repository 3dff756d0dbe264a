/** What the tests of the room redis share: servers, clients and probes that end with the test, and no secret said. */
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { MARKER_SECRET } from '../../scripts/testing/results.ts';
import { type ProbeResult, RedisProbe, type RedisProbeOptions } from '../../src/redis/index.ts';
import { systemClock } from '../../src/shared/clock.ts';
import { type RedisServer, startRedis } from '../servers/index.ts';

const closers: (() => unknown)[] = [];

/** Ends it after the test, in the reverse order. */
export function afterTest(close: () => unknown): void {
  closers.push(close);
}

/** Call once in a test file: ends what was made for a test, and looks at what ioredis printed meanwhile. */
export function watchTests(): void {
  const printed = [vi.spyOn(console, 'error'), vi.spyOn(console, 'warn')];
  for (const spy of printed) spy.mockImplementation(() => {});
  const [errors] = printed;
  beforeEach(() => {
    for (const spy of printed) spy.mockClear();
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    // It prints an error nobody listens to.
    expect(errors).not.toHaveBeenCalled();
    expect(inspect(printed.map(spy => spy.mock.calls))).not.toContain(MARKER_SECRET);
  });
}

export async function redisServer(...args: string[]): Promise<RedisServer> {
  const server = await startRedis({ args });
  afterTest(() => server.stop());
  return server;
}

/** A client for the test's own commands. */
export function admin(server: { url: string }): Redis {
  const client = new Redis(server.url, { enableReadyCheck: false });
  client.on('error', () => {});
  afterTest(() => client.disconnect());
  return client;
}

/** A probe whose deadline leaves a busy machine time; shorter where the deadline itself is meant. */
export function probeOf(
  target: RedisProbeOptions['target'],
  more: Partial<RedisProbeOptions> = {},
): RedisProbe {
  const options = { target, prefix: 'bull', id: 'test', deadlineMs: 5_000, clock: systemClock, ...more };
  const probe = new RedisProbe(options);
  afterTest(() => probe.close());
  return probe;
}

/** One check by a probe of its own; fails when it says a secret. */
export async function diagnose(
  target: RedisProbeOptions['target'],
  more: Partial<RedisProbeOptions> = {},
): Promise<ProbeResult> {
  const probe = probeOf(target, more);
  const result = await probe.check();
  probe.close();
  expect(inspect(result)).not.toContain(MARKER_SECRET);
  return result;
}

export const classOf = (result: ProbeResult) => (result.ok ? 'ok' : result.class);

/** What a diagnosis is expected to be: its class, and words of its message and remedy. */
export const failure = (expected: string, message: string, remedy: string) => ({
  ok: false,
  class: expected,
  message: expect.stringContaining(message),
  remedy: expect.stringContaining(remedy),
});
