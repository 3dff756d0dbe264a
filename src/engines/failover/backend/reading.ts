import type { DependenciesOpts, IQueueBackend, JobJson, JobState, JobType } from 'bullmq';
import { addMetrics, type Metrics } from '../metrics.ts';
import { unlessOut } from '../standby-watch.ts';
import { splitWindow } from '../windows.ts';
import { ManagingBackend } from './managing.ts';

/** States that Redis keeps as lists; the others it sorts. */
const LISTS: ReadonlySet<string> = new Set(['wait', 'waiting', 'paused', 'active']);

const NO_METRICS: Metrics = [[], [], 0];

type Page = Awaited<ReturnType<IQueueBackend['paginate']>>;

/**
 * The operations that only look. What one job knows is read where it lives; what a queue knows is read from both homes and put
 * together, the primary's part first. While the primary is away only the standby's part can be seen.
 */
export abstract class ReadingBackend extends ManagingBackend {
  async getState(jobId: string): Promise<JobState | 'unknown'> {
    return this.onJob(jobId, backend => backend.getState(jobId));
  }

  /** Of a job on a primary that is away: not finished, as far as is known. Who waits for its end waits on. */
  async isFinished(jobId: string, returnValue?: boolean): Promise<number | [number, string]> {
    const look = (backend: IQueueBackend) => backend.isFinished(jobId, returnValue);
    const here = await this.onStandby(jobId, look);
    if (here !== undefined) return here.value;
    const outcome = await this.tryPrimary(look);
    if (outcome.ok) return outcome.value;
    return returnValue ? [0, ''] : 0;
  }

  async isJobInState(state: string, jobId: string): Promise<boolean> {
    // A state that nobody knows is refused, rather than asked for again when the primary is back.
    if (!this.usesPrimary) await this.standby.isJobInState(state, jobId);
    return this.onJob(jobId, backend => backend.isJobInState(state, jobId));
  }

  async getJobData(jobId: string): Promise<JobJson | undefined> {
    return this.onJob(jobId, backend => backend.getJobData(jobId));
  }

  async getJobLogs(
    jobId: string,
    start: number,
    end: number,
    asc: boolean,
  ): Promise<{ logs: string[]; count: number }> {
    return this.onJob(jobId, backend => backend.getJobLogs(jobId, start, end, asc));
  }

  async getDependencyCounts(jobId: string, types: string[]): Promise<number[]> {
    return this.onJob(jobId, backend => backend.getDependencyCounts(jobId, types));
  }

  async getDependencies(jobId: string, opts: DependenciesOpts): ReturnType<IQueueBackend['getDependencies']> {
    return this.onJob(jobId, backend => backend.getDependencies(jobId, opts));
  }

  async getProcessedChildrenValues(jobId: string): Promise<Record<string, string>> {
    return this.onJob(jobId, backend => backend.getProcessedChildrenValues(jobId));
  }

  async getIgnoredChildrenFailures(jobId: string): Promise<Record<string, string>> {
    return this.onJob(jobId, backend => backend.getIgnoredChildrenFailures(jobId));
  }

  async paginate(key: string, opts: { start: number; end: number; fetchJobs?: boolean }): Promise<Page> {
    const { id } = this.parseNodeKey(key.slice(0, key.lastIndexOf(':')));
    return this.onJob(id, backend => backend.paginate(key, opts));
  }

  async getDeduplicationJobId(deduplicationId: string): Promise<string | null> {
    const found = await this.onBoth(backend => backend.getDeduplicationJobId(deduplicationId));
    return found.find(id => id !== null) ?? null;
  }

  async isMaxed(): Promise<boolean> {
    return (await this.onBoth(backend => backend.isMaxed())).includes(true);
  }

  async getCounts(types: JobType[], delayedTimestamp?: number): Promise<number[]> {
    return addUp(await this.onBoth(backend => backend.getCounts(types, delayedTimestamp)));
  }

  async getCountsPerPriority(priorities: number[]): Promise<number[]> {
    return addUp(await this.onBoth(backend => backend.getCountsPerPriority(priorities)));
  }

  /** For each state its ids; `start` and `end` count through both homes, of which the standby's jobs are the older. */
  async getRanges(types: JobType[], start = 0, end = 1, asc = false): Promise<[string][]> {
    if (this.usesPrimary && this.standbyHolds) {
      const merged = await this.lookAtBoth(() => this.#mergedRanges(types, start, end, asc));
      if (merged !== undefined) return merged;
    }
    const outcome = await this.tryPrimary(primary => primary.getRanges(types, start, end, asc));
    return outcome.ok ? outcome.value : this.standby.getRanges(types, start, end, asc);
  }

  async #mergedRanges(
    types: JobType[],
    start: number,
    end: number,
    asc: boolean,
  ): Promise<[string][] | undefined> {
    const outcome = await this.tryPrimary(primary =>
      Promise.all(
        types.map(async type => {
          const homes = asc ? [this.standby, primary] : [primary, this.standby];
          const counts = await Promise.all(homes.map(home => home.getCounts([type])));
          const windows = splitWindow(
            start,
            end,
            counts.map(([jobs = 0]) => jobs),
          );
          const parts = homes.map(async (home, index) => {
            const window = windows[index];
            return window === undefined ? [] : ((await home.getRanges([type], ...window, asc))[0] ?? []);
          });
          const found = await Promise.all(parts);
          // Of lists, BullMQ turns each answer round itself.
          return (asc && LISTS.has(type) ? found.reverse() : found).flat() as unknown as [string];
        }),
      ),
    );
    return outcome.ok ? outcome.value : undefined;
  }

  async getMetrics(type: 'completed' | 'failed', start = 0, end = -1): Promise<Metrics> {
    const here = await unlessOut(this.standby.getMetrics(type, 0, -1), NO_METRICS);
    const isEmpty = Number(here[0][0] ?? 0) === 0;
    const outcome = await this.tryPrimary(primary =>
      isEmpty ? primary.getMetrics(type, start, end) : primary.getMetrics(type, 0, -1),
    );
    if (!outcome.ok) return this.standby.getMetrics(type, start, end);
    if (isEmpty) return outcome.value;
    const [meta, points, number] = addMetrics(outcome.value, here);
    return [meta, points.slice(start, end < 0 ? points.length + end + 1 : end + 1), number];
  }

  /** The workers the primary knows; while it is away, those of this machine. */
  async getClientList(): Promise<string[]> {
    const outcome = await this.tryPrimary(primary => primary.getClientList());
    return outcome.ok ? outcome.value : this.standby.getClientList();
  }

  async getQueueMetaField(field: string): Promise<string | null> {
    return this.#meta(backend => backend.getQueueMetaField(field));
  }

  async getQueueMetaFields(fields: string[]): Promise<(string | null)[]> {
    return this.#meta(backend => backend.getQueueMetaFields(fields));
  }

  async getQueueMeta(): Promise<Record<string, string>> {
    return this.#meta(backend => backend.getQueueMeta());
  }

  async hasQueueMetaField(field: string): Promise<boolean> {
    return this.#meta(backend => backend.hasQueueMetaField(field));
  }

  /** Settings are the same in both homes; the primary's count. */
  async #meta<T>(look: (backend: IQueueBackend) => Promise<T>): Promise<T> {
    const outcome = await this.tryPrimary(look);
    return outcome.ok ? outcome.value : look(this.standby);
  }

  async getJobScheduler(id: string): Promise<[unknown, string | null]> {
    return this.#onScheduler(id, backend => backend.getJobScheduler(id));
  }

  async isJobScheduler(id: string): Promise<boolean> {
    return this.#onScheduler(id, backend => backend.isJobScheduler(id));
  }

  async getJobSchedulerData(key: string): Promise<Record<string, string>> {
    return this.#onScheduler(key, backend => backend.getJobSchedulerData(key));
  }

  async #onScheduler<T>(id: string, call: (backend: IQueueBackend) => Promise<T>): Promise<T> {
    if (this.standbyHolds && (await this.standby.isJobScheduler(id))) return call(this.standby);
    const outcome = await this.tryPrimary(call);
    return outcome.ok ? outcome.value : call(this.standby);
  }

  async getJobSchedulersRange(start: number, end: number, asc: boolean): Promise<string[]> {
    if (!this.standbyHolds) {
      const outcome = await this.tryPrimary(primary => primary.getJobSchedulersRange(start, end, asc));
      return outcome.ok ? outcome.value : this.standby.getJobSchedulersRange(start, end, asc);
    }
    // Pairs of id and next run. There are few: both lists are read whole and cut to the range asked for.
    const pairs = (await this.onBoth(backend => backend.getJobSchedulersRange(0, -1, asc))).flatMap(inPairs);
    pairs.sort((a, b) => (asc ? a.next - b.next : b.next - a.next));
    const last = end < 0 ? pairs.length + end : end;
    return pairs.slice(start, last + 1).flatMap(({ id, next }) => [id, String(next)]);
  }

  async getJobSchedulersCount(): Promise<number> {
    const [total = 0] = addUp((await this.onBoth(backend => backend.getJobSchedulersCount())).map(n => [n]));
    return total;
  }
}

function inPairs(flat: readonly string[]): { id: string; next: number }[] {
  const pairs: { id: string; next: number }[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push({ id: flat[at]!, next: Number(flat[at + 1]) });
  return pairs;
}

/** Adds lists of numbers place by place. */
function addUp(lists: readonly (readonly number[])[]): number[] {
  const [first = [], ...others] = lists;
  return first.map((value, index) => others.reduce((total, list) => total + (list[index] ?? 0), value));
}
