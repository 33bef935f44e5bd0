import { defineConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

/** Not part of `npm test`: it loads the machine for two minutes, and what it measures wants a machine to itself. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: ['abuse/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
