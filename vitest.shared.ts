import { defineConfig } from 'vitest/config';

// Sibling packages resolve to their sources, so that a test never runs against a stale build.
const conditions = ['@isthmus/source', 'node'];

/** What every package's tests share; a package adds nothing unless it has to. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // For what hangs. A property is seconds of computing, and on a busy machine many times that.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A test that waits is bounded by its own time limit; vitest's one second is too little on a busy machine.
    expect: { poll: { timeout: 20_000 } },
    passWithNoTests: false,
  },
});
