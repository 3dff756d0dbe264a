import { WaitingError } from 'bullmq';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { SpillwayError } from '../shared/errors.ts';
import { BreakerGate } from './breaker-gate.ts';

let paused = false;
let resumes = 0;
const worker = {
  isPaused: () => paused,
  pause: () => {
    paused = true;
  },
  resume: () => {
    paused = false;
    resumes += 1;
  },
};
const moved: unknown[] = [];
const job = {
  moveToWait: async (token?: string) => {
    moved.push(token);
    return 0;
  },
};

beforeEach(() => {
  paused = false;
  resumes = 0;
  moved.length = 0;
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

function gateOf(breaker: { name: string; retryAfterMs: number }): BreakerGate {
  const gate = new BreakerGate(breaker, worker);
  onTestFinished(() => gate.stop());
  return gate;
}

const refusal = (breaker: string) =>
  new SpillwayError('SPILLWAY_BREAKER_OPEN', 'open', { details: { breaker } });

it('gives a job back whose call was refused, pauses, and resumes when a call would be let through', async () => {
  const breaker = { name: 'service', retryAfterMs: 0 };
  const gate = gateOf(breaker);
  const run = gate.run(job, 'token', async () => {
    breaker.retryAfterMs = 700;
    throw refusal('service');
  });
  await expect(run).rejects.toThrow(WaitingError);
  expect([moved, paused]).toEqual([['token'], true]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(paused).toBe(true);
  // By hand: nobody told the gate.
  breaker.retryAfterMs = 0;
  await vi.advanceTimersByTimeAsync(250);
  expect([paused, resumes, vi.getTimerCount()]).toEqual([false, 1, 0]);
});

it('does not run a handler whose breaker is open', async () => {
  const handler = vi.fn();
  await expect(gateOf({ name: 'service', retryAfterMs: 1 }).run(job, 'token', handler)).rejects.toThrow(
    WaitingError,
  );
  expect(handler).not.toHaveBeenCalled();
});

it('gives a job back for which all places were taken, and soon looks again', async () => {
  const error = new SpillwayError('SPILLWAY_BREAKER_FULL', 'full', { details: { breaker: 'service' } });
  const run = gateOf({ name: 'service', retryAfterMs: 0 }).run(job, 'token', () => Promise.reject(error));
  await expect(run).rejects.toThrow(WaitingError);
  expect([moved, paused]).toEqual([['token'], true]);
  await vi.advanceTimersByTimeAsync(50);
  expect([paused, resumes]).toEqual([false, 1]);
});

it('takes the name of a chain as well', async () => {
  const error = new SpillwayError('SPILLWAY_CHAIN_UNAVAILABLE', 'none', { details: { chain: 'answer' } });
  const run = gateOf({ name: 'answer', retryAfterMs: 0 }).run(job, 'token', () => Promise.reject(error));
  await expect(run).rejects.toThrow(WaitingError);
});

it('does not draw jobs a hundred times a second when nobody can say how long it will take', async () => {
  // A budget that is spent: no breaker is open.
  const error = new SpillwayError('SPILLWAY_CHAIN_UNAVAILABLE', 'none', { details: { chain: 'answer' } });
  const run = gateOf({ name: 'answer', retryAfterMs: 0 }).run(job, 'token', () => Promise.reject(error));
  await expect(run).rejects.toThrow(WaitingError);
  await vi.advanceTimersByTimeAsync(249);
  expect([paused, resumes]).toEqual([true, 0]);
  await vi.advanceTimersByTimeAsync(1);
  expect([paused, resumes]).toEqual([false, 1]);
});

it('resumes soon after a refusal that was over when it came', async () => {
  const error = new SpillwayError('SPILLWAY_BREAKER_OPEN', 'open', {
    details: { breaker: 'service', retryAfterMs: 1 },
  });
  const run = gateOf({ name: 'service', retryAfterMs: 0 }).run(job, 'token', () => Promise.reject(error));
  await expect(run).rejects.toThrow(WaitingError);
  await vi.advanceTimersByTimeAsync(10);
  expect([paused, resumes]).toEqual([false, 1]);
});

it.each([
  ['another breaker', refusal('other')],
  ['the service itself', new Error('down')],
])('lets the error of %s fail the job', async (_name, error) => {
  const run = gateOf({ name: 'service', retryAfterMs: 0 }).run(job, 'token', () => Promise.reject(error));
  await expect(run).rejects.toBe(error);
  expect([moved, paused]).toEqual([[], false]);
});

it('neither pauses nor resumes a worker that its user has paused', async () => {
  const breaker = { name: 'service', retryAfterMs: 10 };
  const gate = gateOf(breaker);
  paused = true;
  await expect(gate.run(job, 'token', async () => {})).rejects.toThrow(WaitingError);
  expect(vi.getTimerCount()).toBe(0);
  paused = false;
  await expect(gate.run(job, 'token', async () => {})).rejects.toThrow(WaitingError);
  gate.letGo();
  breaker.retryAfterMs = 0;
  await vi.advanceTimersByTimeAsync(10_000);
  expect([paused, resumes]).toEqual([true, 0]);
});
