import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSpillway, type Spillway } from '../../src/index.ts';
import { startEngine, type TestEngine, testedEngines } from './engines.ts';

const program = fileURLToPath(new URL('./worker-process.ts', import.meta.url));

describe.each(testedEngines)('signals on %s', name => {
  let engine: TestEngine;
  let observer: Spillway;
  const children = new Set<ChildProcess>();
  let names = 0;

  beforeAll(async () => {
    engine = await startEngine(name);
    observer = createSpillway({ ...engine.options, environment: {}, logger: false, handleSignals: false });
  });
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    children.clear();
  });
  afterAll(async () => {
    await observer.close();
    await engine.stop();
  });

  /** A worker process in the middle of a job. */
  const startBusy = async (shutdownTimeoutMs: number, variant = 'plain') => {
    const queue = observer.queue(`signals-${++names}`);
    const options = JSON.stringify({ ...engine.options, shutdownTimeoutMs });
    const child = fork(program, [options, queue.name, variant], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    children.add(child);
    let stderr = '';
    child.stderr?.on('data', chunk => {
      stderr += chunk;
    });
    const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal, stderr }));
    await says(child, 'ready');
    const active = says(child, 'active');
    const job = await queue.add('long', {});
    await active;
    return { child, exited, queue: queue.name, id: job.id ?? '' };
  };

  const says = async (child: ChildProcess, word: string) => {
    const gone = new AbortController();
    const onExit = () => gone.abort(new Error(`the process ended before it said "${word}"`));
    child.once('exit', onExit);
    try {
      for (;;) {
        const [message] = await once(child, 'message', { signal: gone.signal });
        if (message === word) return;
      }
    } finally {
      child.off('exit', onExit);
    }
  };

  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s in the middle of a job: it finishes, exit code 0',
    async signal => {
      const { child, exited, queue, id } = await startBusy(60_000);
      const closing = says(child, 'closing');
      child.kill(signal);
      await closing;
      child.send('finish');
      expect(await exited).toMatchObject({ code: 0, signal: null });
      expect(await observer.job(queue, id)).toMatchObject({ state: 'completed', returnvalue: 'done' });
    },
  );

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s past the grace: the job is back in waiting, exit code %i', async (signal, code) => {
    const { child, exited, queue, id } = await startBusy(0);
    child.kill(signal);
    const end = await exited;
    expect(end).toMatchObject({ code, signal: null });
    expect(end.stderr).toContain('1 unfinished jobs');
    expect(await observer.job(queue, id)).toMatchObject({ state: 'waiting', attemptsMade: 0 });
  });

  it('a second signal ends the waiting', async () => {
    const { child, exited, queue, id } = await startBusy(3_600_000);
    const closing = says(child, 'closing');
    child.kill('SIGTERM');
    await closing;
    child.kill('SIGTERM');
    expect(await exited).toMatchObject({ code: 143 });
    expect(await observer.job(queue, id)).toMatchObject({ state: 'waiting' });
  });

  it('leaves the exit to a program that listens itself, when every job finished', async () => {
    const { child, exited, queue, id } = await startBusy(60_000, 'own-listener');
    const heard = Promise.all([says(child, 'own listener'), says(child, 'closing')]);
    child.kill('SIGTERM');
    await heard;
    child.send('finish');
    expect(await exited).toMatchObject({ code: 0 });
    expect(await observer.job(queue, id)).toMatchObject({ state: 'completed' });
  });
});

it('listens only while a Spillway is open', async () => {
  const before = [process.listenerCount('SIGTERM'), process.listenerCount('SIGINT')];
  const one = createSpillway({ logger: false, environment: {}, engine: 'redis' });
  const two = createSpillway({ logger: false, environment: {}, engine: 'redis' });
  expect(process.listenerCount('SIGTERM')).toBe((before[0] ?? 0) + 1);
  await one.close();
  expect(process.listenerCount('SIGTERM')).toBe((before[0] ?? 0) + 1);
  await two.close();
  expect([process.listenerCount('SIGTERM'), process.listenerCount('SIGINT')]).toEqual(before);
});
