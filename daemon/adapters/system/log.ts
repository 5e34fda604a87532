import type { Log, LogFields } from '../../ports/log.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'text' | 'json';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
/** A field's text is cut here: a log line is for reading, not for storing. */
const MAX_FIELD_CHARS = 2_000;

export interface LogSink {
  write(line: string): void;
}

/** One line an entry: `TIME LEVEL message key=value …`, or a JSON object. */
export function createLog(sink: LogSink, options: { level: LogLevel; format: LogFormat; now: () => number }, bound: LogFields = {}): Log {
  const threshold = LEVELS.indexOf(options.level);
  const entry = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (LEVELS.indexOf(level) < threshold) return;
    const at = new Date(options.now()).toISOString();
    const all = { ...bound, ...fields };
    sink.write(options.format === 'json' ? jsonLine(at, level, message, all) : textLine(at, level, message, all));
  };
  return {
    debug: entry('debug'),
    info: entry('info'),
    warn: entry('warn'),
    error: entry('error'),
    child: (fields) => createLog(sink, options, { ...bound, ...fields }),
  };
}

function jsonLine(at: string, level: LogLevel, message: string, fields: LogFields): string {
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) plain[key] = value instanceof Error ? fieldText(value) : value;
  return `${JSON.stringify({ time: at, level, message, ...plain })}\n`;
}

function textLine(at: string, level: LogLevel, message: string, fields: LogFields): string {
  const parts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${quoteIfNeeded(fieldText(value))}`);
  return `${[at, level.toUpperCase().padEnd(5), oneLine(message), ...parts].join(' ')}\n`;
}

function fieldText(value: unknown): string {
  const text = value instanceof Error ? value.message : typeof value === 'string' ? value : JSON.stringify(value);
  return oneLine(text ?? 'undefined').slice(0, MAX_FIELD_CHARS);
}

function oneLine(text: string): string {
  return text.replaceAll('\n', '\\n').replaceAll('\r', '\\r');
}

function quoteIfNeeded(text: string): string {
  return text === '' || /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}
