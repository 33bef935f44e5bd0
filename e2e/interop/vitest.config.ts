import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

/** Not part of `npm test`: it needs a ztunnel, root and network namespaces, and skips by name what is missing. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: ['interop/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
