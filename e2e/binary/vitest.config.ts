import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

/** Not part of `npm test`: it needs `npm run build:binary`, which fetches a Node of 50 MB. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: ['binary/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
