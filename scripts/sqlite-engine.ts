import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AnyBackendFactory, EngineUnderTest } from '../src/engines/conformance/index.ts';

const face = new URL('../src/engines/sqlite/index.ts', import.meta.url);

/** The sqlite engine on a file of its own, in a folder that goes away afterwards. */
export async function startSqlite(): Promise<{ engine: EngineUnderTest; stop(): Promise<void> }> {
  const { createSqliteBackend } = (await import(face.href)) as { createSqliteBackend: AnyBackendFactory };
  const folder = mkdtempSync(join(tmpdir(), 'spillway-conformance-'));
  const connection = () => ({ file: join(folder, 'queue.db') });
  return {
    engine: { name: 'sqlite', factory: createSqliteBackend, connection },
    stop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}
