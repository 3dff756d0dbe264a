import type { Benchmark, Scale, Target } from './harness/benchmark.ts';
import { idsIn } from './harness/check-queue.ts';
import { engineContenders, spillwayFull, spillwayNormal } from './harness/contenders.ts';
import type { BenchQueue } from './harness/engines.ts';
import type { Check } from './harness/exactly-once.ts';
import { Ledger, sameIds } from './harness/exactly-once.ts';
import type { LiveContender } from './harness/live-contender.ts';
import { timed } from './harness/measure.ts';
import { openNoOpWorker, runUntilCompleted } from './harness/process-jobs.ts';
import { median } from './harness/stats.ts';
import { addConcurrently, addInBulk } from './harness/workload.ts';

interface DepthScale extends Scale {
  readonly shallow: number;
  readonly deep: number;
  /** Jobs added, then claimed, in each timed window. */
  readonly window: number;
  readonly windows: number;
}

const concurrency = 200;

const targets: Target[] = [spillwayFull, spillwayNormal].map(({ name }) => ({
  contender: name,
  of: 'value',
  bound: 1.3,
}));

export const depth = {
  name: 'depth',
  title: 'how much slower adding and claiming are with a million jobs waiting than with a thousand',
  contenders: engineContenders,
  metrics: [
    { key: 'add-slowdown', unit: 'times', better: 'lower', targets },
    { key: 'claim-slowdown', unit: 'times', better: 'lower', targets },
  ],
  scales: {
    full: { shallow: 1000, deep: 1_000_000, window: 5000, windows: 15 },
    quick: { shallow: 1000, deep: 100_000, window: 5000, windows: 5 },
  },
  maxRounds: 3,
  async run(contender, scale) {
    // The shallow queue is measured first: without a warm-up it would pay for the compiler and look slow.
    await (await MeasuredQueue.open(contender, 'warm-up', scale)).measureAt(scale.shallow);
    const queue = await MeasuredQueue.open(contender, 'measured', scale);
    const shallow = await queue.measureAt(scale.shallow);
    const deep = await queue.measureAt(scale.deep);
    return {
      figures: {
        'add-slowdown': deep.add / shallow.add,
        'claim-slowdown': deep.claim / shallow.claim,
        'add-shallow': scale.window / shallow.add,
        'add-deep': scale.window / deep.add,
        'claim-shallow': scale.window / shallow.claim,
        'claim-deep': scale.window / deep.claim,
      },
      checks: await queue.checks(),
    };
  },
} satisfies Benchmark<DepthScale>;

/** Seconds a window took; the median of the windows. */
interface WindowTimes {
  readonly add: number;
  readonly claim: number;
}

/** A queue whose depth is held while windows of adds and claims are timed, and whose every job is accounted for. */
class MeasuredQueue {
  readonly #contender: LiveContender;
  readonly #name: string;
  readonly #queue: BenchQueue;
  readonly #scale: DepthScale;
  readonly #ledger: Ledger;
  readonly #added: string[] = [];

  private constructor(contender: LiveContender, name: string, queue: BenchQueue, scale: DepthScale) {
    this.#contender = contender;
    this.#name = name;
    this.#queue = queue;
    this.#scale = scale;
    // At both depths: the fill, then for each window what it adds and what its worker may take beyond it.
    this.#ledger = new Ledger(
      scale.shallow + scale.deep + 2 * scale.windows * (2 * scale.window + 2 * concurrency),
    );
  }

  static async open(contender: LiveContender, name: string, scale: DepthScale): Promise<MeasuredQueue> {
    return new MeasuredQueue(contender, name, await contender.queue(name), scale);
  }

  /** Each window adds to a queue `depth` deep, then claims as many. */
  async measureAt(depth: number): Promise<WindowTimes> {
    const add: number[] = [];
    const claim: number[] = [];
    for (let window = 0; window < this.#scale.windows; window += 1) {
      await this.#fillTo(depth);
      add.push(await this.#timeAdds());
      claim.push(await this.#timeClaims());
    }
    return { add: median(add), claim: median(claim) };
  }

  async #fillTo(depth: number): Promise<void> {
    const { waiting = 0 } = await this.#queue.getJobCounts('waiting');
    const count = Math.max(0, depth - waiting);
    const ids = await addInBulk(this.#contender, this.#queue, { count, from: this.#added.length });
    for (const id of ids) this.#added.push(id);
  }

  async #timeAdds(): Promise<number> {
    const batch = { count: this.#scale.window, from: this.#added.length };
    const { seconds, result } = await timed(() =>
      addConcurrently(this.#contender, this.#queue, batch, concurrency),
    );
    for (const id of result) this.#added.push(id);
    return seconds;
  }

  async #timeClaims(): Promise<number> {
    const options = { concurrency, removeOnComplete: { count: 0 } };
    const worker = await openNoOpWorker(this.#contender, this.#name, this.#ledger, options);
    const { seconds } = await timed(() => runUntilCompleted(worker, this.#scale.window));
    // What the worker has taken beyond the window it still finishes.
    await worker.close();
    return seconds;
  }

  async checks(): Promise<Check[]> {
    const waiting = await idsIn(this.#queue, 'waiting');
    const handled = this.#ledger.marked().map(seq => this.#added[seq] ?? `unknown ${seq}`);
    return [
      this.#ledger.check('none handled twice', 'at most'),
      sameIds('every id handled or still waiting', this.#added, [...handled, ...waiting]),
    ];
  }
}
