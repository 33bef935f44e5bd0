/**
 * Reads Prometheus text exposition (version 0.0.4, and what OpenMetrics adds in the same lines): samples with their labels.
 * Comments, HELP and TYPE are skipped, timestamps and exemplars are dropped. A line that is neither is an error with its
 * number, because a scrape that is half understood is worse than none.
 */
export interface Sample {
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL_NAME = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"/y;
const ESCAPED: Readonly<Record<string, string>> = { n: '\n', '"': '"', '\\': '\\' };

export function parsePrometheusText(text: string): readonly Sample[] {
  return text.split('\n').flatMap((line, index) => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    try {
      return [parseSample(trimmed)];
    } catch (error) {
      throw new Error(`line ${index + 1}: ${(error as Error).message}: ${trimmed.slice(0, 120)}`);
    }
  });
}

function parseSample(line: string): Sample {
  NAME.lastIndex = 0;
  const metric = NAME.exec(line)?.[0];
  if (metric === undefined) throw new Error('no metric name');
  const { labels, end } =
    line[metric.length] === '{' ? parseLabels(line, metric.length + 1) : { labels: {}, end: metric.length };
  const [value = ''] = line.slice(end).trim().split(/\s+/, 1);
  return { metric, labels, value: parseValue(value) };
}

/** `from` is behind the opening brace; `end` is behind the closing one. */
function parseLabels(line: string, from: number): { readonly labels: Record<string, string>; readonly end: number } {
  const labels: Record<string, string> = {};
  let at = from;
  for (;;) {
    while (line[at] === ' ' || line[at] === ',') at++;
    if (line[at] === '}') return { labels, end: at + 1 };
    LABEL_NAME.lastIndex = at;
    const name = LABEL_NAME.exec(line)?.[1];
    if (name === undefined) throw new Error(`no label name at column ${at + 1}`);
    if (name in labels) throw new Error(`label ${name} twice`);
    const { value, end } = parseQuoted(line, LABEL_NAME.lastIndex);
    labels[name] = value;
    at = end;
    if (line[at] !== ',' && line[at] !== '}' && line[at] !== ' ') throw new Error(`no comma at column ${at + 1}`);
  }
}

/** `from` is behind the opening quote; `end` is behind the closing one. */
function parseQuoted(line: string, from: number): { readonly value: string; readonly end: number } {
  let value = '';
  for (let at = from; at < line.length; at++) {
    const character = line[at];
    if (character === '"') return { value, end: at + 1 };
    if (character !== '\\') {
      value += character;
      continue;
    }
    at++;
    const escaped = ESCAPED[line[at] ?? ''];
    if (escaped === undefined) throw new Error(`unknown escape \\${line[at] ?? ''}`);
    value += escaped;
  }
  throw new Error('a label value does not end');
}

function parseValue(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  if (text === 'NaN') return Number.NaN;
  const value = text === '' ? Number.NaN : Number(text);
  if (Number.isNaN(value)) throw new Error(`${JSON.stringify(text)} is not a value`);
  return value;
}
