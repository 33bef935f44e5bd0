/**
 * YAML text to plain values with positions. Several documents per file; aliases are expanded within a bound, because a
 * short text can otherwise stand for gigabytes. A file with any syntax error gives no documents at all: what follows a
 * broken line may be anything.
 */
import { type Document, isMap, isPair, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml';
import type { Path, Position, Problem } from './problem.js';

/** Expansions of aliases per document; Kubernetes' own limit is of this order. */
const MAX_ALIASES = 100;

export interface YamlDocument {
  readonly value: unknown;
  /** Where the node at that path stands, or the nearest one that exists around it. */
  locate(path: Path): Position;
}

export interface YamlFile {
  readonly documents: readonly YamlDocument[];
  readonly problems: readonly Problem[];
}

export function readYaml(file: string, text: string): YamlFile {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  const documents: YamlDocument[] = [];
  const problems: Problem[] = [];
  const position = (offset: number): Position => ({ file, ...positionAt(lines, offset) });

  // `parseAllDocuments` gives an empty list, with its own shape, for an empty text.
  for (const document of Array.isArray(parsed) ? parsed : []) {
    for (const { pos, message } of document.errors) problems.push(syntaxError(position(pos[0]), message));
    if (document.errors.length > 0) continue;
    try {
      const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
      if (value === null || value === undefined) continue;
      documents.push({ value, locate: (path) => position(offsetOf(document, path)) });
    } catch (error) {
      // Thrown for alias bombs only, with a message that says so.
      problems.push(syntaxError(position(document.range[0]), String(error instanceof Error ? error.message : error)));
    }
  }
  return problems.length > 0 ? { documents: [], problems } : { documents, problems };
}

function syntaxError(position: Position, message: string): Problem {
  return { severity: 'error', ...position, path: '', message: `not valid YAML: ${message}` };
}

function positionAt(lines: LineCounter, offset: number): { line: number; col: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), col: Math.max(1, col) };
}

function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? document.range?.[0] ?? 0;
  for (const part of path) {
    const [key, value] = childOf(node, part);
    const start = startOf(value) ?? startOf(key);
    if (start === undefined) break;
    offset = start;
    node = value;
  }
  return offset;
}

function childOf(node: unknown, part: string | number): readonly [key: unknown, value: unknown] {
  if (isSeq(node) && typeof part === 'number') return [undefined, node.items[part]];
  if (!isMap(node)) return [undefined, undefined];
  const pair = node.items.find(({ key }) => String(key) === String(part));
  return isPair(pair) ? [pair.key, pair.value] : [undefined, undefined];
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
