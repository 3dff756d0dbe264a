import type { IQueueBackend, JobJson, JobsOptions, ParentKeyOpts, RepeatableOptions } from 'bullmq';
import { type AddEntry, parentQueueOf, splitQueue } from '../entries.ts';
import { KEPT_ADD } from '../ledger/index.ts';
import { addOnStandby, forgetRuns, rememberRun } from '../schedulers.ts';
import { unlessOut } from '../standby-watch.ts';
import { type Failed, FailoverCore, type Outcome } from './core.ts';

/** A bulk goes to the primary in pieces of so many jobs, each with its own deadline. */
const PIECE = 1000;

/** What removing a scheduler answers when there is none: the primary's, if there is one, is removed on return. */
const NOT_FOUND = 1;

type FlowEntry = Parameters<IQueueBackend['addFlow']>[0][number];

/**
 * The operations that bring jobs into being. Each goes to the primary; when that can't take it, to the standby under the same
 * id. What may have been added, or may still be, is held back a while before the standby takes it too (see unknown.ts).
 */
export abstract class ProducingBackend extends FailoverCore {
  addJob(job: JobJson, jobId: string, parentKeyOpts: ParentKeyOpts = {}): Promise<string> {
    const id = jobId ? String(jobId) : this.controller.newJobId();
    const { controller } = this;
    // A name of ours is nobody else's: only what was named, de-duplicated or given a parent may concern the standby's jobs.
    const concernsOthers =
      ((jobId || job.deduplicationId) && this.standbyHolds) || parentKeyOpts.parentKey !== undefined;
    if (controller.takesAdds && controller.journal === undefined && !concernsOthers) {
      return this.orElse(
        primary => primary.addJob(job, id, parentKeyOpts),
        added => added,
        failed => this.#spillJob(this.#entry(job, id, parentKeyOpts), failed),
      );
    }
    return this.#addWithCare(this.#entry(job, id, parentKeyOpts));
  }

  async #addWithCare(entry: AddEntry): Promise<string> {
    const { job, id, parentKeyOpts } = entry;
    if (await this.#belongsToStandby(entry)) {
      const added = await this.standby.addJob(job, id, parentKeyOpts);
      this.controller.noteWork(this.qualifiedName);
      return added;
    }
    const outcome = await this.#withJournal([entry], primary => primary.addJob(job, id, parentKeyOpts));
    return outcome.ok ? outcome.value : this.#spillJob(entry, outcome);
  }

  async #spillJob(entry: AddEntry, failed: Failed<unknown>): Promise<string> {
    const { job, id, parentKeyOpts } = entry;
    const toStandby = async () => [await this.standby.addJob(job, id, parentKeyOpts)];
    const [spilled] = await this.#spill([entry], failed, toStandby);
    return spilled ?? id;
  }

  async addJobs(given: { job: JobJson; jobId: string; parentKeyOpts?: ParentKeyOpts }[]): Promise<string[]> {
    const ids: string[] = [];
    for (let from = 0; from < given.length; from += PIECE) {
      ids.push(...(await this.#addPiece(given.slice(from, from + PIECE))));
    }
    return ids;
  }

  async #addPiece(
    given: { job: JobJson; jobId: string; parentKeyOpts?: ParentKeyOpts }[],
  ): Promise<string[]> {
    const named = given.map(each => ({
      ...each,
      jobId: each.jobId ? String(each.jobId) : this.controller.newJobId(),
    }));
    const entries = named.map(each => this.#entry(each.job, each.jobId, each.parentKeyOpts));
    if (this.standbyHolds) {
      const local = await Promise.all(entries.map(entry => this.#belongsToStandby(entry)));
      if (local.includes(true)) {
        // Some of them concern jobs of the standby: each goes its own way, in order.
        const ids: string[] = [];
        for (const { job, jobId, parentKeyOpts } of named)
          ids.push(await this.addJob(job, jobId, parentKeyOpts));
        return ids;
      }
    }
    const outcome = await this.#withJournal(entries, primary => primary.addJobs(named));
    if (outcome.ok) return outcome.value;
    return this.#spill(entries, outcome, () => this.standby.addJobs(named));
  }

  async addFlow(given: FlowEntry[]): Promise<[Error | null, string | number][]> {
    const entries = given.map(
      (each): AddEntry => ({
        queue: `${each.prefix}:${each.queueName}`,
        id: each.jobId,
        job: each.jobData,
        parentKeyOpts: each.parentKeyOpts,
        flow: given[0]?.jobId,
      }),
    );
    // A flow is never in two homes: where one of its jobs is known, all of it goes.
    const known = await Promise.all(entries.map(entry => this.#belongsToStandby(entry)));
    if (known.includes(true)) {
      const added = await this.standby.addFlow(given);
      for (const { queue } of entries) this.controller.noteWork(queue);
      return added;
    }
    const outcome = await this.#withJournal(entries, primary => primary.addFlow(given));
    if (outcome.ok) return outcome.value;
    const results: [Error | null, string | number][] = [];
    await this.#spill(entries, outcome, async () => {
      results.push(...(await this.standby.addFlow(given)));
      return [];
    });
    return results.length > 0 ? results : entries.map(({ id }) => [null, id]);
  }

  async addJobScheduler(
    id: string,
    nextMillis: number,
    data: string,
    templateOpts: JobsOptions,
    repeat: RepeatableOptions,
    jobOpts: JobsOptions,
    producerId?: string,
  ): Promise<[string, number]> {
    const add = (backend: IQueueBackend) =>
      backend.addJobScheduler(id, nextMillis, data, templateOpts, repeat, jobOpts, producerId);
    return this.#whereSchedulersAre(async () => {
      if (await this.#standbyHasScheduler(id)) return add(this.standby);
      const outcome = await this.tryPrimary(add);
      if (outcome.ok) {
        rememberRun(this.controller, this.qualifiedName, id, repeat.every, outcome.value[0]);
        return outcome.value;
      }
      // Making one twice makes one.
      const added = await addOnStandby(this.controller, this.standby, this.qualifiedName, id, add);
      this.controller.noteSpill(this.qualifiedName, 1);
      return added;
    });
  }

  async updateJobSchedulerNextMillis(
    id: string,
    nextMillis: number,
    data: string,
    jobOpts: JobsOptions,
    producerId?: string,
  ): Promise<string | null> {
    const update = (backend: IQueueBackend) =>
      backend.updateJobSchedulerNextMillis(id, nextMillis, data, jobOpts, producerId);
    if (await this.#standbyHasScheduler(id)) return update(this.standby);
    const outcome = await this.tryPrimary(update);
    if (outcome.ok) return outcome.value;
    // The job at hand must not fail because its successor can't be made now: that follows on return.
    const args = [id, nextMillis, data, jobOpts, producerId];
    await this.controller.defer({ queue: this.qualifiedName, job: null, op: 'nextRun', args });
    return null;
  }

  async removeJobScheduler(id: string): Promise<number> {
    const remove = (backend: IQueueBackend) => backend.removeJobScheduler(id);
    return this.#whereSchedulersAre(async () => {
      // One that was set again during the outage is in both homes.
      const here = this.standbyHolds ? await unlessOut(remove(this.standby), NOT_FOUND) : NOT_FOUND;
      forgetRuns(this.controller, this.qualifiedName, id);
      const outcome = await this.tryPrimary(remove);
      if (outcome.ok) return Math.min(here, outcome.value);
      await this.controller.defer({
        queue: this.qualifiedName,
        job: null,
        op: 'removeScheduler',
        args: [id],
      });
      return here;
    });
  }

  /** None is on its way from one home to the other. */
  #whereSchedulersAre<T>(work: () => Promise<T>): Promise<T> {
    const { controller, usesPrimary, standbyHolds } = this;
    return usesPrimary && standbyHolds ? controller.betweenBatches.look(work) : work();
  }

  async #standbyHasScheduler(id: string): Promise<boolean> {
    return this.standbyHolds && (await this.standby.isJobScheduler(id));
  }

  #entry(job: JobJson, id: string, parentKeyOpts: ParentKeyOpts | undefined): AddEntry {
    return { queue: this.qualifiedName, id, job, parentKeyOpts: parentKeyOpts ?? {} };
  }

  /** Whether its parent, its id or the job it duplicates is on the standby: then it belongs there too. */
  #belongsToStandby(entry: AddEntry): Promise<boolean> {
    return unlessOut(this.#concernsStandby(entry), false);
  }

  async #concernsStandby({ queue, id, job, parentKeyOpts }: AddEntry): Promise<boolean> {
    const { parentKey } = parentKeyOpts;
    if (parentKey !== undefined && this.controller.standbyHolds(parentQueueOf(parentKey))) {
      const { prefix, queueName, id: parentId } = this.parseNodeKey(parentKey);
      const state = await this.standby.forQueue(queueName, prefix).getState(parentId);
      if (state !== 'unknown') return true;
    }
    if (!this.controller.standbyHolds(queue)) return false;
    const { prefix, name } = splitQueue(queue);
    const standby = this.standby.forQueue(name, prefix);
    const { deduplicationId } = job;
    const [state, duplicated] = await Promise.all([
      standby.getState(id),
      deduplicationId === undefined ? null : standby.getDeduplicationJobId(deduplicationId),
    ]);
    return state !== 'unknown' || duplicated !== null;
  }

  /** With a journal, the copies are on disk before the jobs are acknowledged. */
  async #withJournal<T>(
    entries: AddEntry[],
    call: (primary: IQueueBackend) => Promise<T>,
  ): Promise<Outcome<T>> {
    const { journal, takesAdds } = this.controller;
    if (!takesAdds) return { ok: false, applied: 'no', failure: 'away' };
    if (journal === undefined) return this.tryPrimary(call);
    return journal.during(entries, () => this.tryPrimary(call));
  }

  /**
   * Puts jobs the primary can't take on the standby. Children of a parent that lives on the primary wait for it instead. When
   * the standby can't take them either, the ladder's last rungs decide.
   */
  async #spill(
    entries: AddEntry[],
    failed: Failed<unknown>,
    toStandby: () => Promise<string[]>,
  ): Promise<string[]> {
    const { controller } = this;
    try {
      const parentKey = entries[0]?.parentKeyOpts.parentKey;
      if (parentKey !== undefined && !(await this.#belongsToStandby(entries[0]!))) {
        const args = [entries];
        await controller.defer({ queue: this.qualifiedName, job: null, op: KEPT_ADD, args });
        return entries.map(({ id }) => id);
      }
      if (failed.applied === 'unknown') {
        await controller.unknownAdds.hold(entries, failed);
        return entries.map(({ id }) => id);
      }
      const ids = await toStandby();
      this.#noteSpilled(entries);
      return ids;
    } catch (error) {
      return controller.ladder.descend(entries, error, this.options.connection.inline ?? {});
    }
  }

  #noteSpilled(entries: readonly AddEntry[]): void {
    for (const { queue } of entries) this.controller.noteSpill(queue, 1);
  }
}
