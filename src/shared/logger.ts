import { pino } from 'pino';
import { maskSecrets, maskText } from './secrets.ts';

/**
 * What Spillway asks of a logger: the part of pino's interface it uses, so that a pino logger fits as it is.
 * `details.err` is an error, already masked.
 */
export interface Logger {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export const loggerMethods = ['debug', 'info', 'warn', 'error'] as const satisfies (keyof Logger)[];

export function isLogger(value: unknown): value is Logger {
  const given = (value ?? {}) as Partial<Record<string, unknown>>;
  return loggerMethods.every(method => typeof given[method] === 'function');
}

/**
 * The default: pino, one JSON object a line, level `info`, on standard error, because standard output belongs to the
 * program. It writes synchronously: the last lines before an exit are the ones that matter.
 */
export function createDefaultLogger(): Logger {
  return pino({ name: 'spillway', level: 'info' }, pino.destination({ dest: 2, sync: true }));
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};

/**
 * A logger that masks every line before it reaches `logger`, and that never throws: a broken log must not stop a queue.
 */
export function createMaskingLogger(logger: Logger, secrets: readonly string[]): Logger {
  const write = (level: keyof Logger) => (details: object, message: string) => {
    try {
      logger[level](maskSecrets(details, secrets) as object, maskText(message, secrets));
    } catch {
      // Nowhere left to say it.
    }
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
