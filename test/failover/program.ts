import { join } from 'node:path';
import type { FailoverConnectionOptions, FailoverStatus } from '../../src/engines/failover/index.ts';
import { type Runner, type ScriptProcess, spawnScript } from '../faults/index.ts';
import type { RedisServer } from '../servers/index.ts';
import type { EngineCommand } from './fixtures/engine.ts';
import { until } from './rig.ts';

type Status = FailoverStatus & { ran: number };

/** A program on the engine, in a process of its own, so that it alone has the disk or the rights of the test. */
export class Program implements AsyncDisposable {
  readonly script: ScriptProcess;
  #commands = 0;

  constructor(script: ScriptProcess) {
    this.script = script;
  }

  static async start(connection: FailoverConnectionOptions, runner: Runner): Promise<Program> {
    const file = join(import.meta.dirname, 'fixtures/engine.ts');
    const script = await spawnScript(file, [JSON.stringify(connection)], { runner });
    await script.message<{ up?: true }>(({ up }) => up === true);
    return new Program(script);
  }

  async ask<T = unknown>(command: EngineCommand): Promise<T> {
    const n = ++this.#commands;
    this.script.send({ ...command, n });
    const answer = await this.script.message<{ n: number; ok?: T; error?: object }>(it => it.n === n);
    if (answer.error !== undefined) throw Object.assign(new Error(), answer.error);
    return answer.ok as T;
  }

  status(): Promise<Status> {
    return this.ask<Status>({ do: 'status' });
  }

  /** Waits until its status is such. */
  async reaches(what: string, condition: (status: Status) => boolean): Promise<void> {
    let status: Status | undefined;
    const look = async () => {
      status = await this.status();
      return condition(status);
    };
    await until(look, what, () => status);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.script.kill();
  }
}

/** Redis goes away and comes back: the standby does its part again. */
export async function outage(redis: RedisServer, program: Program): Promise<void> {
  const { ran } = await program.status();
  await redis.kill();
  await program.ask({ do: 'add', jobs: 10, bytes: 100 });
  await program.reaches('the jobs on the standby', it => it.state === 'standby' && it.ran === ran + 10);
  await redis.restart();
  await program.reaches('the return', it => it.state === 'primary' && it.pending === 0);
}
