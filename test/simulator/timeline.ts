import { createHash } from 'node:crypto';
import type { Log, LogFields } from '../../daemon/ports/log.ts';
import type { Clock } from '../../daemon/ports/clock.ts';

/** Text that is hashed at once. */
const HASHED_CHARS = 32_768;
/** Lines kept for a report; all of them count in the hash. */
const KEPT_LINES = 20_000;

interface Line {
  text: string;
  what: string;
  matters: boolean;
}

/** What happened, one line an event: when, where, what, why. Its hash tells whether two runs were the same. */
export class Timeline {
  private readonly clock: Clock;
  private readonly startedAt: number;
  private readonly lines: Line[] = [];
  private readonly hash = createHash('sha256');
  private unhashed = '';
  private count = 0;
  private isOver = false;
  /** Lines that are not kept any more, and those of them that mattered. */
  private dropped = { all: 0, matter: 0 };
  /** Called with messages that only a bug can bring about. */
  onBug: (where: string, message: string) => void = () => undefined;

  constructor(clock: Clock) {
    this.clock = clock;
    this.startedAt = clock.monotonic();
  }

  /** @param matters whether a person who looks for the cause of a failure wants to see it */
  add(where: string, what: string, matters = true): void {
    if (this.isOver) return;
    const seconds = ((this.clock.monotonic() - this.startedAt) / 1000).toFixed(3).padStart(8);
    const text = `${seconds}  ${where.padEnd(8)}  ${what}`;
    this.unhashed += `${text}\n`;
    if (this.unhashed.length > HASHED_CHARS) this.hashText();
    this.count += 1;
    this.lines.push({ text, what, matters });
    if (this.lines.length <= KEPT_LINES) return;
    for (const { matters } of this.lines.splice(0, KEPT_LINES / 10)) {
      this.dropped.all += 1;
      if (matters) this.dropped.matter += 1;
    }
  }

  /** What follows is no part of it: the rest of the moment in which it failed, and the simulation's own end. */
  end(): void {
    this.isOver = true;
  }

  private hashText(): void {
    this.hash.update(this.unhashed);
    this.unhashed = '';
  }

  digest(): string {
    this.hashText();
    return this.hash.copy().digest('hex').slice(0, 16);
  }

  get length(): number {
    return this.count;
  }

  /** The last lines. */
  text(most: number, all = false): string {
    const shown = this.lines.filter(({ matters }) => all || matters);
    const kept = shown.slice(Math.max(0, shown.length - most));
    const left = shown.length - kept.length + (all ? this.dropped.all : this.dropped.matter);
    return [...(left > 0 ? [`… ${left} earlier lines`] : []), ...kept.map(({ text }) => text)].join('\n');
  }

  /**
   * What was said of these (names, uids), whoever said it first, and what befell hosts and ways between them meanwhile: the last so many of these lines.
   * @returns empty when nothing was said of them
   */
  about(names: readonly string[], most: number): string {
    const seen = new Set<string>();
    const isOf = ({ what }: Line): boolean => names.some((name) => what.includes(name)) && seen.size < seen.add(what).size;
    const found = this.lines.filter((line) => isOf(line) || isBlow(line));
    if (seen.size === 0) return '';
    const kept = found.slice(-most);
    return [...(kept.length < found.length ? [`… ${found.length - kept.length} earlier lines`] : []), ...kept.map(({ text }) => text)].join(
      '\n',
    );
  }

  /** What a daemon logs, as lines of the timeline. */
  log(where: string): Log {
    const line = (level: string, matters: boolean) => (message: string, fields?: LogFields) => {
      if (level === 'error' && /\bbug\b|deciding about an object failed|listener/i.test(message))
        this.onBug(where, `${message} ${show(fields)}`);
      this.add(
        where,
        shortOf(message, fields) ?? `${level === 'info' ? '' : `${level}: `}${message}${fields === undefined ? '' : ` ${show(fields)}`}`,
        matters,
      );
    };
    const log: Log = {
      debug: (message, fields) => line('debug', message === 'decided' || isStep(message, fields))(message, fields),
      info: line('info', true),
      warn: line('warn', true),
      error: line('error', true),
      child: () => log,
    };
    return log;
  }
}

/** An act that is more than a wish of a user; the end of a daemon. */
function isBlow({ what }: Line): boolean {
  return (what.startsWith('→ ') && !what.startsWith('→ asks')) || what.startsWith('the daemon dies');
}

/** Steps to a start are many, and all alike. */
const TO_A_START: ReadonlySet<unknown> = new Set(['createSandbox', 'ensureImage', 'startContainer']);
const STEP = 'Next step of a pod.';

function isStep(message: string, fields: LogFields | undefined): boolean {
  return message === STEP && !TO_A_START.has(fields?.['action']);
}

/** Of what daemons say most often. */
function shortOf(message: string, fields: LogFields | undefined): string | undefined {
  if (message === 'decided') return `decides about ${textOf(fields?.['key'])}: ${textOf(fields?.['reason'])}`;
  if (message === STEP)
    return `next for ${textOf(fields?.['pod'])}: ${textOf(fields?.['action'])}, ${textOf(fields?.['reason'])} (${textOf(fields?.['uid'])})`;
  return undefined;
}

function show(fields: LogFields | undefined): string {
  return Object.entries(fields ?? {})
    .map(([name, value]) => `${name}=${textOf(value)}`)
    .join(' ');
}

function textOf(value: unknown): string {
  if (value instanceof Error) return value.message;
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
