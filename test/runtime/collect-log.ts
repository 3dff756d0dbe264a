import type { Logger } from '../../src/shared/logger.ts';

export interface LogLine {
  level: keyof Logger;
  details: Record<string, unknown>;
  message: string;
}

/** A logger that keeps its lines. */
export function collectLog(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const write = (level: keyof Logger) => (details: object, message: string) => {
    lines.push({ level, details: details as Record<string, unknown>, message });
  };
  return {
    lines,
    logger: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
  };
}
