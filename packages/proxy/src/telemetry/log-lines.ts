/**
 * Log lines in ztunnel's two layouts, and the writer behind them. Plain: `time<TAB>level<TAB>scope<TAB>message<TAB>k=v
 * k=v`, strings quoted, addresses bare. JSON: one object per line. What a peer sent cannot break a line: everything
 * that is not plainly an address is quoted and escaped.
 */
import type { Writable } from 'node:stream';

export type LogFormat = 'plain' | 'json';
export type LogField = readonly [name: string, value: string | number | undefined];

export interface LogEntry {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly level: string;
  readonly scope: string;
  readonly message: string;
  /** In order; undefined values are left out. */
  readonly fields: readonly LogField[];
}

const ADDRESS_FIELD = /[._]addr$/;
const BARE = /^[\w.:[\]%-]+$/;
/** What JSON leaves as it is and a terminal obeys: DEL and C1 (U+009B begins a command), and other ends of lines. */
const STEERING = /[\u007f-\u009f\u2028\u2029]/;
const STEERING_ALL = new RegExp(STEERING, 'g');

export function formatEntry(format: LogFormat, { time, level, scope, message, fields }: LogEntry): string {
  const stamp = new Date(time).toISOString();
  const known = fields.filter(([, value]) => value !== undefined);
  if (format === 'json') {
    return `${JSON.stringify({ level, time: stamp, scope, message, ...Object.fromEntries(known) })}\n`;
  }
  const pairs = known.map(([name, value]) => `${name}=${plainValue(name, value)}`);
  return `${[stamp, level, scope, message, pairs.join(' ')].join('\t').trimEnd()}\n`;
}

function plainValue(name: string, value: string | number | undefined): string {
  if (typeof value === 'number') return String(value);
  const text = value ?? '';
  if (ADDRESS_FIELD.test(name) && BARE.test(text)) return text;
  const quoted = JSON.stringify(text);
  return STEERING.test(quoted) ? quoted.replace(STEERING_ALL, escaped) : quoted;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

export interface LineWriter {
  write(line: string): void;
  /** Hands everything to the stream now; before the process exits. */
  flush(): void;
}

/** Flushed at this size even within one turn of the event loop: the bound of what a crash could lose. */
const FLUSH_CHARS = 65_536;

/** What the kernel writes to a pipe in one piece, whoever else writes to it (pipe(7)). */
export const PIPE_BUF = 4_096;

/**
 * Gathers the lines of one turn into one write. Standard output to files, pipes and terminals is synchronous on Linux,
 * so a slow reader slows the proxy and no line is lost, as with ztunnel. Where several processes share the stream, no
 * write is larger than `mostBytes`, but for a single line that is.
 */
export function createLineWriter(stream: Writable, mostBytes = Number.POSITIVE_INFINITY): LineWriter {
  let gathered = '';
  let bytes = 0;
  let scheduled = false;

  function flush(): void {
    scheduled = false;
    if (gathered === '') return;
    const text = gathered;
    gathered = '';
    bytes = 0;
    stream.write(text);
  }

  return {
    write(line) {
      const size = Buffer.byteLength(line);
      if (bytes + size > mostBytes) flush();
      gathered += line;
      bytes += size;
      if (gathered.length >= FLUSH_CHARS) return flush();
      if (scheduled) return;
      scheduled = true;
      setImmediate(flush);
    },
    flush,
  };
}
