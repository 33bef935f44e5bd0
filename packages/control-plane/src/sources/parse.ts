/**
 * The text of one file to objects. Pure. A `List` (what `kubectl get -o yaml` prints) stands for its items. Kinds
 * that are not in the table are ignored with a warning each: a directory of manifests usually has Deployments and
 * ConfigMaps too.
 */
import {
  formatPath,
  INVALID,
  type Path,
  type Position,
  type Problem,
  type Report,
  readYaml,
  type YamlDocument,
} from '../schema/index.js';
import { KIND_NAMES, KINDS, type Kind, type KubeObject } from './kinds/index.js';

export interface ParsedFile {
  readonly objects: readonly KubeObject[];
  readonly problems: readonly Problem[];
}

export function parseFile(file: string, text: string): ParsedFile {
  const { documents, problems } = readYaml(file, text);
  const parts = documents.map((document) => parseValue(document, document.value, []));
  return {
    objects: parts.flatMap((part) => part.objects),
    problems: [...problems, ...parts.flatMap((part) => part.problems)],
  };
}

/** One object that came as a value: from an API server, say. All its problems stand where it stands. */
export function parseObject(value: unknown, origin: Position): ParsedFile {
  return parseValue({ locate: () => origin }, value, []);
}

function parseValue(document: Pick<YamlDocument, 'locate'>, value: unknown, base: Path): ParsedFile {
  const objects: KubeObject[] = [];
  const problems: Problem[] = [];
  const report: Report = (path, message, severity = 'error') => {
    problems.push({ severity, ...document.locate(path), path: formatPath(path), message });
  };
  const header = readHeader(value, base, report);
  if (header === undefined) return { objects, problems };
  if (header.kind === 'List' && header.items) {
    const items = header.items.map((item, index) => parseValue(document, item, [...base, 'items', index]));
    return { objects: items.flatMap((item) => item.objects), problems: items.flatMap((item) => item.problems) };
  }
  const kind = knownKind(header.group, header.kind);
  if (!kind) {
    report(
      [...base, 'kind'],
      `${header.kind} of ${header.group || 'the core group'} has no meaning here and is ignored`,
      'warning',
    );
    return { objects, problems };
  }
  const read = KINDS[kind].schema.read(value, base, report);
  if (read !== INVALID) {
    // The table pairs each kind with its schema; the compiler cannot follow that through the lookup.
    objects.push({ kind, origin: document.locate(base), ...read } as KubeObject);
  }
  return { objects, problems };
}

interface Header {
  readonly group: string;
  readonly kind: string;
  readonly items?: readonly unknown[];
}

function readHeader(value: unknown, base: Path, report: Report): Header | undefined {
  const { apiVersion, kind, items } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
    report(base, 'is no Kubernetes object: it needs apiVersion and kind');
    return undefined;
  }
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return { group, kind, ...(Array.isArray(items) ? { items } : {}) };
}

function knownKind(group: string, kind: string): Kind | undefined {
  return KIND_NAMES.find((name) => name === kind && KINDS[name].group === group);
}
