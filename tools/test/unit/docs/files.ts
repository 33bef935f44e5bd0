/** What the tests of the documentation read: every page that is kept, and every file that a page may speak of. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const ROOTS = ['packages', 'tools', 'e2e', 'examples', 'deploy', 'docs'];
/** What is installed or made: no page may take it for a source. */
const SKIPPED = new Set(['node_modules', 'dist', 'build', '.cache']);
/** Tests that run beside these may write configurations for a moment, named by the time. */
const TEXT = /^(?!.*\.timestamp-).*(?:\.(?:ts|mjs|js|json|ya?ml|proto|service|socket|conf)|Dockerfile)$/;

function below(directory: string): readonly string[] {
  return readdirSync(join(ROOT, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`;
    if (!entry.isDirectory()) return [path];
    return SKIPPED.has(entry.name) ? [] : below(path);
  });
}

const atRoot = readdirSync(ROOT, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));

/** Files of the project, relative to its root. */
export const FILES: readonly string[] = [...atRoot, ...ROOTS.flatMap(below)];
/** The pages, by path. */
export const PAGES: ReadonlyMap<string, string> = textsOf(FILES.filter((file) => file.endsWith('.md')));

/** Everything that is written in the sources, tests of the documentation left out: they name what must not be there. */
export function sources(): string {
  const files = FILES.filter((file) => TEXT.test(file) && !file.startsWith('tools/test/unit/docs/'));
  return [...textsOf(files.filter((file) => file !== 'package-lock.json')).values()].join('\n');
}

export function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

function textsOf(files: readonly string[]): ReadonlyMap<string, string> {
  return new Map(files.map((file) => [file, read(file)]));
}
