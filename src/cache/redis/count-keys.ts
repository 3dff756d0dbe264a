import { Cluster } from 'ioredis';
import type { SecondTier } from '../core.ts';

const SCAN_COUNT = 1_000;

/** How many keys in Redis begin with `base`, counted in small steps (SCAN, never KEYS); undefined while Redis is away. */
export async function countKeys(tier: SecondTier | undefined, base: string): Promise<number | undefined> {
  if (tier === undefined || !tier.link.usable) return undefined;
  try {
    const nodes = await tier.link.run(async client =>
      client instanceof Cluster ? client.nodes('master') : [client],
    );
    let count = 0;
    for (const node of nodes) {
      let cursor = '0';
      do {
        const step = await tier.link.run(() =>
          node.scan(cursor, 'MATCH', `${escapeGlob(base)}*`, 'COUNT', SCAN_COUNT),
        );
        cursor = step[0];
        count += step[1].length;
      } while (cursor !== '0');
    }
    return count;
  } catch {
    return undefined;
  }
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&');
}
