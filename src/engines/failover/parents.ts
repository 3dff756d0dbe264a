import { type AddEntry, parentQueueOf } from './entries.ts';
import type { Maintenance } from './primary/primary.ts';

/**
 * Entries as the primary takes them: it takes no child of a parent it doesn't have. Such a parent has finished and is removed,
 * or is another machine's to add; its child was acknowledged, and is added without it.
 * @param tree what is added together, the parents before their children.
 */
export async function withLivingParents(
  maintenance: Pick<Maintenance, 'present'>,
  tree: readonly AddEntry[],
): Promise<AddEntry[]> {
  const inTree = new Set(tree.map(keyOf));
  const entries: AddEntry[] = [];
  for (const entry of tree) {
    const { parentKey } = entry.parentKeyOpts;
    const hasParent =
      parentKey === undefined || inTree.has(parentKey) || (await isThere(maintenance, parentKey));
    entries.push(hasParent ? entry : withoutParent(entry));
  }
  return entries;
}

export function keyOf({ queue, id }: AddEntry): string {
  return `${queue}:${id}`;
}

async function isThere(maintenance: Pick<Maintenance, 'present'>, key: string): Promise<boolean> {
  const queue = parentQueueOf(key);
  const [found] = await maintenance.present(queue, [key.slice(queue.length + 1)]);
  return found === true;
}

function withoutParent(entry: AddEntry): AddEntry {
  const { parent: _, parentKey: __, ...job } = entry.job;
  const { parentKey: ___, parentDependenciesKey: ____, ...parentKeyOpts } = entry.parentKeyOpts;
  return { ...entry, job, parentKeyOpts };
}
