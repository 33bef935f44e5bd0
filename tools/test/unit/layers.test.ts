import { describe, expect, it } from 'vitest';
// @ts-expect-error the checker is plain JavaScript so that it runs before anything is built
import { check } from '../../layers/check.mjs';

const layers = {
  packages: {
    'packages/low': { name: '@isthmus/low', mayImport: [] },
    'packages/high': { name: '@isthmus/high', mayImport: ['@isthmus/low'] },
  },
  folders: { 'packages/high/src': [['wire'], ['tunnel', 'routing'], ['index.ts']] },
};

function problemsOf(files: Record<string, string[]>): string[] {
  return check(layers, Object.keys(files), (file: string) => files[file]);
}

describe('layer check', () => {
  it('accepts imports that point to lower folders and listed packages', () => {
    const problems = problemsOf({
      'packages/high/src/wire/ports.ts': ['@isthmus/low'],
      'packages/high/src/tunnel/pool.ts': ['../wire/ports.js'],
      'packages/high/src/index.ts': ['./tunnel/pool.js'],
    });

    expect(problems).toEqual([]);
  });

  it('names an import that points upwards, and one between folders of the same row', () => {
    const problems = problemsOf({
      'packages/high/src/wire/ports.ts': ['../tunnel/pool.js'],
      'packages/high/src/tunnel/pool.ts': ['../routing/plan.js'],
      'packages/high/src/routing/plan.ts': [],
    });

    expect(problems).toHaveLength(2);
    expect(problems[0]).toContain('wire may import only what stands above it (nothing)');
    expect(problems[1]).toContain('packages/high/src/tunnel/pool.ts imports packages/high/src/routing/plan.ts');
  });

  it('names a package that may not be imported', () => {
    const problems = problemsOf({ 'packages/low/src/a.ts': ['@isthmus/high/tunnel'] });

    expect(problems).toEqual([
      'packages/low/src/a.ts imports @isthmus/high/tunnel: @isthmus/low may import none of ours',
    ]);
  });

  it('finds a cycle of any length and prints its path', () => {
    const problems = problemsOf({
      'packages/low/src/a.ts': ['./b.js'],
      'packages/low/src/b.ts': ['./c.js'],
      'packages/low/src/c.ts': ['./a.js'],
    });

    expect(problems).toEqual([
      'cycle: packages/low/src/a.ts -> packages/low/src/b.ts -> packages/low/src/c.ts -> packages/low/src/a.ts',
    ]);
  });

  it('asks for a place when no row names a folder', () => {
    const problems = problemsOf({
      'packages/high/src/misc/x.ts': ['../wire/ports.js'],
      'packages/high/src/wire/ports.ts': [],
    });

    expect(problems[0]).toContain('give it its place');
  });
});
