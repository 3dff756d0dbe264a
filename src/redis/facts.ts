/** What INFO says of a server, as far as it was allowed to say it: null where it did not. */
export interface ServerFacts {
  /** Another one after each start of the server. */
  runId: string | null;
  version: string | null;
  mode: 'standalone' | 'cluster' | 'sentinel' | null;
  role: 'master' | 'replica' | null;
  /** Bytes written to the replication stream; it never goes back while the run id stays the same. */
  replOffset: number | null;
  /** Bytes. */
  usedMemory: number | null;
  /** Bytes; 0: no limit. */
  maxMemory: number | null;
  /** `noeviction`, or what is thrown away when memory is full. */
  evictionPolicy: string | null;
  /** Whether each write goes to the append-only file. */
  appendOnly: boolean | null;
  /** When the last snapshot that was saved had been begun: everything written before is in it. Ms since 1970. */
  savedUntil: number | null;
}

/** The sections of INFO the facts are in. One command each: only Redis 7 takes several. */
export const factSections = ['server', 'replication', 'memory', 'persistence'] as const;

export function parseFacts(info: string): ServerFacts {
  const lines = info.split(/\r?\n/).flatMap(line => {
    const colon = line.indexOf(':');
    return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)] as const] : [];
  });
  const fields = new Map(lines);
  const text = (name: string) => fields.get(name) ?? null;
  const number = (name: string) => {
    const value = text(name);
    return value !== null && /^\d+$/.test(value) ? Number(value) : null;
  };
  const mode = text('redis_mode') ?? text('server_mode');
  const role = text('role');
  return {
    runId: text('run_id'),
    version: text('valkey_version') ?? text('redis_version'),
    mode: mode === 'standalone' || mode === 'cluster' || mode === 'sentinel' ? mode : null,
    role: role === 'master' ? 'master' : role === 'slave' || role === 'replica' ? 'replica' : null,
    replOffset: number('master_repl_offset'),
    usedMemory: number('used_memory'),
    maxMemory: number('maxmemory'),
    evictionPolicy: text('maxmemory_policy'),
    savedUntil: snapshotBegun(number('rdb_last_save_time'), number('rdb_last_bgsave_time_sec')),
    appendOnly: text('aof_enabled') === null ? null : text('aof_enabled') === '1',
  };
}

/** INFO tells when a snapshot was saved, and how long that took, both in whole seconds. */
function snapshotBegun(savedAt: number | null, took: number | null): number | null {
  return savedAt === null || took === null ? null : (savedAt - took - 1) * 1000;
}
