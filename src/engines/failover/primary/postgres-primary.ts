import { createPostgresBackend } from 'bullmq';
import { OtherPrimaryKind } from './other.ts';
import { PostgresMaintenance } from './postgres-maintenance.ts';
import type { Maintenance } from './primary.ts';

/** PostgreSQL, through BullMQ's own backend; what goes back to it is written into BullMQ's tables, so that nothing is lost of it. */
export class PostgresPrimary extends OtherPrimaryKind {
  readonly #options: unknown;

  constructor(options: unknown, prefix: string) {
    super(createPostgresBackend as never, options, 'PostgreSQL', prefix);
    this.#options = options;
  }

  override openMaintenance(deadlineMs: number): Maintenance {
    return new PostgresMaintenance(this.#options, this.prefix, deadlineMs);
  }
}
