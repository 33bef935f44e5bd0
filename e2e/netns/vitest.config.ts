import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

/** Not part of `npm test`: it needs root, network namespaces, nft and curl, and skips by name what is missing. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: ['netns/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
