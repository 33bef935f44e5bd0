/** Structured logs through pino: one JSON object per line on standard output, `scope` naming the component. */
import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogInit {
  readonly level?: LogLevel;
  /** Where lines go. Default standard output, written synchronously so that none is lost on exit. */
  readonly destination?: DestinationStream;
}

export function createLogger({
  level = 'info',
  destination = pino.destination({ fd: 1, sync: true }),
}: LogInit = {}): Logger {
  return pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

/** For callers that were given no logger. */
export const silentLogger: Logger = pino({ level: 'silent' });
