import { describe, expect, it } from 'vitest';
import { FILES, PAGES, read, sources } from './files.js';

/** Names of others, and names that are put together in the code. */
const NOT_WRITTEN_IN_FULL = new Set(['SO_REUSEPORT', '--no-parallel-scavenge', 'RATINGS_VIA']);
/** Where a path in a page may begin: below the root, a package, its sources or its tests. */
const FOLDERS =
  /^(?:packages|tools|e2e|examples|deploy|docs|codec-wasm|sdk|proxy|control-plane|src|test|unit|property|integration)\//;

const written = sources();
const words = new Set(written.match(/\w+/g));
const options = new Set(written.match(/--[a-z-]+/g));

/** Every match of `pattern` in the pages, in lines that `where` matches, with the first page that has it. */
function named(pattern: RegExp, where = /(?:)/): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [file, page] of PAGES) {
    for (const line of page.split('\n').filter((each) => where.test(each))) {
      for (const [all, name = all] of line.matchAll(pattern)) if (!found.has(name)) found.set(name, file);
    }
  }
  return found;
}

function missing(names: ReadonlyMap<string, string>, exists: (name: string) => boolean): readonly string[] {
  const absent = [...names].filter(([name]) => !exists(name) && !NOT_WRITTEN_IN_FULL.has(name));
  return absent.map(([name, file]) => `${file}: ${name}`);
}

/** `a/{b,c}.ts` means two files. */
function expanded(path: string): readonly string[] {
  const [, before = '', choices, after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(path) ?? [];
  return choices === undefined ? [path] : choices.split(',').map((each) => `${before}${each}${after}`);
}

function isPath(path: string): boolean {
  const end = path.replace(/\/$/, '');
  return FILES.some((file) => `/${file}`.endsWith(`/${end}`) || `/${file}`.includes(`/${end}/`));
}

const MANIFESTS = new Map(
  FILES.filter((file) => /(?:^|\/)package\.json$/.test(file)).map((file) => [
    file.replace(/\/?package\.json$/, ''),
    Object.keys((JSON.parse(read(file)) as { scripts?: object }).scripts ?? {}),
  ]),
);

/** `soak -w e2e`, or a script of whichever package the page is about. */
function isScript(name: string): boolean {
  const [script = '', workspace] = name.split(' -w ');
  if (workspace !== undefined) return MANIFESTS.get(workspace)?.includes(script) ?? false;
  return [...MANIFESTS.values()].some((scripts) => scripts.includes(script));
}

describe('what the pages name exists:', () => {
  it('variables and codes', () => {
    const names = named(/(?<![\w/-])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w*])/g);

    expect(names.size).toBeGreaterThan(150);
    expect(missing(names, (name) => words.has(name))).toEqual([]);
  });

  it('metrics', () => {
    const names = named(/\b(?:istio|isthmus|pilot|citadel)_[a-z0-9_]*[a-z0-9]\b(?!_?\*)/g);

    expect(names.size).toBeGreaterThan(50);
    expect(missing(names, (name) => words.has(name) || words.has(name.replace('isthmus_federation_', '')))).toEqual([]);
  });

  it('options of commands', () => {
    const names = named(/(?<!-)--[a-z][a-z-]*/g, /isthmus(?:-proxy|-control-plane|ctl) |^\| `--/);

    expect(names.size).toBeGreaterThan(10);
    expect(missing(names, (name) => options.has(name))).toEqual([]);
  });

  it('pages of the programs', () => {
    const names = named(/(\/(?:debug|healthz|stats)\/\w+(?:\/\w+)?)/g);

    expect(names.size).toBeGreaterThan(8);
    expect(missing(names, (name) => written.includes(name))).toEqual([]);
  });

  it('files', () => {
    const names = named(/`([\w.@-]+\/[\w./{},-]+)`/g);
    const ours = new Map([...names].filter(([name]) => FOLDERS.test(name)));

    expect(ours.size).toBeGreaterThan(40);
    expect(missing(ours, (name) => expanded(name).every(isPath))).toEqual([]);
  });

  it('scripts of npm', () => {
    const names = named(/npm run (?:-s |--silent )?([\w:]+(?: -w [\w/-]+)?)/g);

    expect(names.size).toBeGreaterThan(10);
    expect(missing(names, isScript)).toEqual([]);
  });
});

describe('what exists is named:', () => {
  it('every metric of the control plane', () => {
    const code = FILES.filter((file) => file.startsWith('packages/control-plane/src/'))
      .map(read)
      .join('\n');
    const names = [...code.matchAll(/'((?:isthmus|pilot|citadel)_[a-z_]+)'/g)].map(([, name = '']) => name);
    const told = [...PAGES.values()].join('\n');

    expect(names.length).toBeGreaterThan(15);
    expect(names.filter((name) => !told.includes(`\`${name}`))).toEqual([]);
  });
});
