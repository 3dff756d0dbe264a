/** `close()` in each state: it settles, and what was acknowledged runs in the next program. The leak guard sees to the rest. */
import { describe, expect, it } from 'vitest';
import { DURABLE } from '../servers/index.ts';
import { Rig, Runs, until } from './rig.ts';

type Given = Parameters<typeof Rig.start>[0];

/** A program whose worker has done some jobs, and its adds: those that were acknowledged must run, here or in the next. */
class Program {
  readonly rig: Rig;
  readonly queue: ReturnType<Rig['queue']>;
  readonly worker: ReturnType<Rig['worker']>;
  readonly runs = new Runs();
  readonly acknowledged: string[] = [];
  readonly refused: unknown[] = [];

  constructor(rig: Rig) {
    this.rig = rig;
    this.queue = rig.queue();
    this.worker = rig.worker(async ({ name }) => this.runs.add(name));
  }

  async add(what: string, jobs = 60): Promise<void> {
    const adds = Array.from({ length: jobs }, async (_, n) => {
      try {
        this.acknowledged.push((await this.queue.add(`${what}-${n}`, {})).name);
      } catch (error) {
        this.refused.push(error);
      }
    });
    await Promise.all(adds);
  }

  /** Everything at once, with calls under way. */
  async end(): Promise<void> {
    const adding = this.add('at the end');
    const closing = [this.worker, this.queue, this.rig.flow()].map(it => it.close());
    await Promise.all([...closing, adding]);
  }

  async startsAnew(): Promise<void> {
    const runs = new Runs();
    const next = this.rig.again().worker(async ({ name }) => runs.add(name), { concurrency: 20 });
    const left = () => this.acknowledged.filter(name => !this.runs.has(name) && !runs.has(name));
    await until(
      () => left().length === 0,
      'all that was acknowledged',
      () => [left(), this.rig.engine.status()],
    );
    expect(this.runs.count + runs.count).toBe(new Set([...this.runs.inOrder, ...runs.inOrder]).size);
    expect(this.rig.errors).toEqual([]);
    expect(this.rig.told).toMatchObject({ trouble: [], undeliverable: [], duplicate: [] });
    await next.close();
  }
}

const standby = async ({ rig }: Program) => {
  await rig.redis.kill();
  await rig.reaches('standby');
};
const returning = async (program: Program) => {
  await standby(program);
  await program.worker.pause();
  await program.add('to be given back', 1500);
  await program.rig.redis.restart();
  await until(
    () => program.rig.engine.status().returned > 0,
    'the drain to begin',
    () => program.rig.engine.status(),
  );
};

describe.concurrent.each<[string, (program: Program) => unknown, Given?]>([
  ['on the primary', () => {}],
  ['on the standby', standby],
  ['when Redis has just been killed', ({ rig }) => rig.redis.kill()],
  ['when Redis has just hung', ({ rig }) => rig.redis.pause()],
  [
    'when Redis hangs',
    ({ rig }) => {
      rig.redis.pause();
      return rig.reaches('standby');
    },
  ],
  ['switched off', ({ rig }) => rig.engine.switched('off', 'a test')],
  [
    'when Redis is back',
    async program => {
      await standby(program);
      await program.rig.redis.restart();
      await until(() => program.rig.told.state.some(({ to }) => to === 'returning'), 'the return');
    },
  ],
  ['in the middle of a drain', returning, { drainPerSecond: 1000 }],
  [
    'when Redis hangs in the middle of a drain',
    async program => {
      await returning(program);
      program.rig.redis.pause();
    },
    { drainPerSecond: 1000 },
  ],
])('close %s', (_, reach, given) => {
  it('settles, and nothing acknowledged is lost or stuck', async () => {
    await using rig = await Rig.start(given, DURABLE);
    const program = new Program(rig);
    await program.add('before');
    await reach(program);
    await program.end();
    rig.redis.resume();
    if (!rig.redis.running) await rig.redis.restart();
    await program.startsAnew();
  });
});

describe.concurrent('close at the start', () => {
  it.each<[string, (rig: Rig) => unknown]>([
    ['is well', () => {}],
    ['is down', rig => rig.redis.kill()],
    ['hangs', rig => rig.redis.pause()],
  ])('when Redis %s: it settles, and adds that were begun are refused or kept', async (_, begin) => {
    await using rig = await Rig.start({}, DURABLE);
    await begin(rig);
    const program = new Program(rig);
    await program.end();
    expect(program.acknowledged.length + program.refused.length).toBe(60);
    for (const refusal of program.refused) expect(refusal).toMatchObject({ code: 'SPILLWAY_CLOSED' });
    rig.redis.resume();
    if (!rig.redis.running) await rig.redis.restart();
    await program.startsAnew();
  });
});
