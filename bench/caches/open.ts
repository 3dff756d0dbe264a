import { bentocache, cacheable, cacheManager, spillwayCache } from '../harness/contenders.ts';
import type { OpenSubject } from './subject.ts';

/** Loaded when asked for: none carries another one's modules in its heap. */
const subjects: Readonly<Record<string, () => Promise<OpenSubject>>> = {
  [bentocache.name]: async () => (await import('./bentocache.ts')).openBentocache,
  [cacheManager.name]: async () => (await import('./cache-manager.ts')).openCacheManager,
  [cacheable.name]: async () => (await import('./cacheable.ts')).openCacheable,
  [spillwayCache.name]: async () => (await import('./spillway.ts')).openSpillwayCache,
};

/** By the contender's name, or its twin's. */
export async function subjectOf(contender: string): Promise<OpenSubject> {
  const load = subjects[contender.replace(/ \(again\)$/, '')];
  if (load === undefined) throw new RangeError(`no cache is called '${contender}'`);
  return load();
}
