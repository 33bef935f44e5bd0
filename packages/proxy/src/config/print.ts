/** A table of settings as text: for `--help`, for `config`, and for the reference page. */
import type { SettingRow, SettingTable } from './table.js';

const SECRET = '(secret)';

/** One block per setting, for a terminal. */
export function helpOf(table: SettingTable): string {
  return Object.values(table)
    .map((row) => {
      const [name, ...aliases] = row.env;
      const also = aliases.length > 0 ? ` (also ${aliases.join(', ')})` : '';
      return `  ${name}${also} <${row.kind.name}> [${defaultOf(row)}]\n${wrapped(row.doc, 6, 110)}`;
    })
    .join('\n');
}

/** A Markdown table, one row per setting. */
export function markdownOf(table: SettingTable): string {
  const rows = Object.values(table).map((row) => {
    const names = row.env.map((name) => `\`${name}\``).join(', ');
    return `| ${names} | ${cell(row.kind.allowed)} | ${cell(defaultOf(row))} | ${cell(row.doc)} |`;
  });
  return ['| name | value | default | what it does |', '|---|---|---|---|', ...rows].join('\n');
}

/** What is in effect, without secrets: plain data for `config` and for the admin dump. */
export function withoutSecrets(
  table: SettingTable,
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([property, value]) => [
      property,
      table[property]?.secret && value !== undefined ? SECRET : (value ?? null),
    ]),
  );
}

function defaultOf(row: SettingRow<unknown>): string {
  if (row.defaultText !== undefined) return row.defaultText;
  const value = row.default;
  if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) return 'none';
  return String(value);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function wrapped(text: string, indent: number, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each) => ' '.repeat(indent) + each).join('\n');
}
