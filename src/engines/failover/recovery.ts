import { type AddEntry, flowEntries } from './entries.ts';
import type { JournalCopy } from './journal.ts';
import type { JournalRow } from './ledger/index.ts';
import { keyOf, withLivingParents } from './parents.ts';
import type { Maintenance } from './primary/primary.ts';

/** What the recovery needs of the ledger and of the primary. */
interface Homes {
  ledger: { journalPage(afterRow: number, limit: number): Promise<JournalRow[]> };
  maintenance: Pick<Maintenance, 'present' | 'queue'>;
}

const PAGE = 500;

/**
 * Adds again the jobs of a journal that the primary doesn't have, in the order in which they were added: a child after its
 * parent. Jobs of a flow, whose copies stand together, are added in one transaction, so that no worker finds half of it.
 * @param span which copies: up to this row of the journal, made at or after this time.
 * @param renew called for each page.
 */
export async function addAgain(
  { ledger, maintenance }: Homes,
  span: { end: number; since: number },
  renew: () => Promise<unknown>,
): Promise<number> {
  let added = 0;
  let after = 0;
  let held: JournalCopy[] = [];
  for (;;) {
    const page = (await ledger.journalPage(after, PAGE)).filter(({ row }) => row <= span.end);
    const copies = [...held, ...page.map(({ json }) => JSON.parse(json) as JournalCopy)];
    const isLast = page.length < PAGE;
    // The rest of the last flow may stand on the next page.
    held = isLast ? [] : lastFlow(copies);
    const whole = copies.slice(0, copies.length - held.length);
    added += await addMissing(
      maintenance,
      whole.filter(({ at }) => at >= span.since),
    );
    if (isLast) return added;
    after = page.at(-1)?.row ?? after;
    await renew();
  }
}

function lastFlow(copies: readonly JournalCopy[]): JournalCopy[] {
  const flow = copies.at(-1)?.flow;
  if (flow === undefined) return [];
  const other = copies.findLastIndex(copy => copy.flow !== flow);
  return copies.slice(other + 1);
}

async function addMissing(maintenance: Homes['maintenance'], entries: readonly AddEntry[]): Promise<number> {
  const missing = await missingOf(maintenance, entries);
  const isLinked = ({ flow, parentKeyOpts }: AddEntry) =>
    flow !== undefined || parentKeyOpts.parentKey !== undefined;
  const single = missing.filter(entry => !isLinked(entry));
  for (const [queue, jobs] of groupBy(single, ({ queue }) => queue)) {
    await maintenance
      .queue(queue)
      .addJobs(jobs.map(({ job, id, parentKeyOpts }) => ({ job, jobId: id, parentKeyOpts })));
  }
  // Children come after their parents, whatever the queues of the two.
  const linked = missing.filter(isLinked);
  for (const tree of groupBy(linked, entry => entry.flow ?? entry).values()) {
    await addTree(maintenance, tree);
  }
  return missing.length;
}

async function missingOf(
  maintenance: Homes['maintenance'],
  entries: readonly AddEntry[],
): Promise<AddEntry[]> {
  const isMissing = new Set<AddEntry>();
  for (const [queue, jobs] of groupBy(entries, ({ queue }) => queue)) {
    const present = await maintenance.present(
      queue,
      jobs.map(({ id }) => id),
    );
    for (const [index, entry] of jobs.entries()) if (!present[index]) isMissing.add(entry);
  }
  return entries.filter(entry => isMissing.has(entry));
}

async function addTree(maintenance: Homes['maintenance'], tree: readonly AddEntry[]): Promise<void> {
  const parents = new Set(tree.map(({ parentKeyOpts }) => parentKeyOpts.parentKey));
  const living = await withLivingParents(maintenance, tree);
  // A parent that waits for children is let go by the last of them: one whose children had all finished waits for none.
  const entries = living.map(entry => (parents.has(keyOf(entry)) ? entry : notWaiting(entry)));
  const results = await maintenance.queue(tree[0]!.queue).addFlow(flowEntries(entries));
  for (const [error] of results) if (error !== null) throw error;
  const at = results.findIndex(([, id]) => Number(id) < 0);
  // Looked at again from the beginning at the next probe.
  if (at >= 0) throw new Error(`job ${keyOf(entries[at]!)} is not added again yet: ${results[at]?.[1]}`);
}

function notWaiting(entry: AddEntry): AddEntry {
  const { addToWaitingChildren: _, ...parentKeyOpts } = entry.parentKeyOpts;
  return { ...entry, parentKeyOpts };
}

function groupBy<T, K>(items: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}
