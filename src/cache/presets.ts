import type { NamespaceOptions } from './types.ts';

type Preset = Readonly<
  Pick<NamespaceOptions<never, never>, 'grace' | 'nullTtl' | 'eagerRefresh' | 'lock'> & { ttl: string }
>;

/**
 * Settings to start from, by what is cached: `spillway.cache('automations', { ...cachePresets.automations, load })`. What
 * is asked for all the time is refreshed before it ends; what may be old for a while when the database fails, has grace.
 */
export const cachePresets = {
  /** Rules that every message is matched against. */
  automations: { ttl: '1h', grace: '1h', eagerRefresh: 0.8 },
  /** Where a user is in a flow. */
  userState: { ttl: '10m', nullTtl: '10s' },
  contacts: { ttl: '5m', grace: '5m' },
  workspaces: { ttl: '1h', grace: '1h', eagerRefresh: 0.8 },
  leads: { ttl: '10m', grace: '10m' },
  conversations: { ttl: '5m', grace: '5m' },
  conversationLists: { ttl: '2m', grace: '5m' },
  userData: { ttl: '10m', grace: '10m' },
  /** Answers that are dear to make: made once over all processes. */
  aiResponses: { ttl: '1d', lock: true },
} as const satisfies Record<string, Preset>;

export type CachePreset = keyof typeof cachePresets;
