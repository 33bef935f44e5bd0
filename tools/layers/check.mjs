// Checks every import of the workspace against layers.json and looks for cycles, type-only imports included.
// Prints each offending edge with the rule it breaks; exit code 1 when there is any. `--graph` prints the folder graph.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;
const SKIPPED = new Set(['node_modules', 'dist', 'build', 'gen', 'assembly']);

/** @returns {string[]} paths of TypeScript files below `directory`, relative to the root */
function sourcesBelow(directory) {
  if (!existsSync(join(ROOT, directory))) return [];
  return readdirSync(join(ROOT, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : sourcesBelow(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

/** Comments may quote code; what they quote is not an import. */
function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/[^\n]*/g, '$1');
}

function importsOf(file) {
  const text = withoutComments(readFileSync(join(ROOT, file), 'utf8'));
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3]);
}

/** The file a relative import means: sources are imported by the name of their output. */
function target(file, specifier) {
  return relative(ROOT, resolve(ROOT, dirname(file), specifier.replace(/\.js$/, '.ts')));
}

export function findCycles(graph) {
  const state = new Map();
  const stack = [];
  const cycles = [];
  const visit = (node) => {
    state.set(node, 'open');
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (state.get(next) === 'open') cycles.push([...stack.slice(stack.indexOf(next)), next]);
      else if (!state.has(next)) visit(next);
    }
    stack.pop();
    state.set(node, 'done');
  };
  for (const node of graph.keys()) if (!state.has(node)) visit(node);
  return cycles;
}

function unitOf(base, file) {
  return file.slice(base.length + 1).split('/')[0];
}

/** Where a file stands in its package's rows: row number and folder name, or undefined when no row names it. */
function place(rows, base, file) {
  const unit = unitOf(base, file);
  const row = rows.findIndex((names) => names.includes(unit));
  return row < 0 ? undefined : { row, unit };
}

/** Folders of tests that a package lends to the tests of another: they are in nobody's exports. */
function isLent({ lent = {} }, file, borrower) {
  return Object.entries(lent).some(([folder, to]) => file.startsWith(`${folder}/`) && to.includes(borrower));
}

export function check(layers, files, readImports) {
  const problems = [];
  const graph = new Map();
  const owners = Object.entries(layers.packages);
  for (const file of files) {
    const [base, owner] = owners.find(([path]) => file.startsWith(`${path}/`)) ?? [];
    if (!owner) continue;
    const edges = [];
    graph.set(file, edges);
    for (const specifier of readImports(file)) {
      if (specifier.startsWith('.')) {
        const to = target(file, specifier);
        edges.push(to);
        checkFolder(layers, file, to, problems);
        if (!to.startsWith(`${base}/`) && !/^vitest\.shared/.test(to) && !isLent(layers, to, base)) {
          problems.push(`${file} imports ${to}: reach another package by its name`);
        }
      } else if (specifier.startsWith('@isthmus/')) {
        const name = specifier.split('/').slice(0, 2).join('/');
        const inTests = file.startsWith(`${base}/test/`);
        if (name !== owner.name && !owner.mayImport.includes(name) && !inTests) {
          problems.push(
            `${file} imports ${specifier}: ${owner.name} may import ${owner.mayImport.join(', ') || 'none of ours'}`,
          );
        }
      }
    }
  }
  for (const cycle of findCycles(graph)) problems.push(`cycle: ${cycle.join(' -> ')}`);
  return [...new Set(problems)];
}

function checkFolder(layers, file, to, problems) {
  for (const [base, rows] of Object.entries(layers.folders)) {
    if (!file.startsWith(`${base}/`) || !to.startsWith(`${base}/`)) continue;
    const from = place(rows, base, file);
    const into = place(rows, base, to);
    if (!from) problems.push(`${base}: no row of layers.json names ${unitOf(base, file)}; give it its place`);
    else if (into && from.unit !== into.unit && into.row >= from.row) {
      problems.push(
        `${file} imports ${to}: ${from.unit} may import only what stands above it (${rows.slice(0, from.row).flat().join(', ') || 'nothing'})`,
      );
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const layers = JSON.parse(readFileSync(join(ROOT, 'layers.json'), 'utf8'));
  const files = Object.keys(layers.packages).flatMap(sourcesBelow);
  const problems = check(layers, files, importsOf);
  for (const problem of problems) console.error(problem);
  console.log(`layers: ${files.length} files, ${problems.length} problems`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
